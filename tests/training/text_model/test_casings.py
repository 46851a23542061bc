"""Which words always have capitals, counted."""

from __future__ import annotations

from streamer.training.text_model.casings import FEWEST, always_capital


def test_names_and_pairs_of_words() -> None:
    text = FEWEST * ["We saw Paris and the East River.", "They went east to the river."]
    assert always_capital([text]) == ["Paris", "East River"]


def test_a_word_that_is_small_in_one_kind_of_text_is_ordinary() -> None:
    novels = FEWEST * ["A glowing ember fell on the Danube."]
    podcasts = 100 * FEWEST * ["I wrote it in Ember and JavaScript."]
    assert always_capital([novels, podcasts]) == ["Danube", "JavaScript"]


def test_what_is_rare_in_a_kind_of_text_is_not_judged_there() -> None:
    novels = (FEWEST - 1) * ["A glowing ember fell."]
    podcasts = 100 * FEWEST * ["I wrote it in Ember and JavaScript."]
    assert sorted(always_capital([novels, podcasts])) == ["Ember", "JavaScript"]


def test_pairs_are_written_as_they_are_printed() -> None:
    text = FEWEST * ["We use the Green AI there.", "The grass is green."]
    assert "Green AI" in always_capital([text])
