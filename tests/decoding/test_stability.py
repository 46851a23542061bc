"""When a word is stable."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from streamer.decoding.stability import StabilityTracker

Hypotheses = list[tuple[float, Sequence[str]]]


def test_an_unchanged_word_becomes_stable() -> None:
    tracker = StabilityTracker(hold_frames=25, min_share=0.5)
    alone: Hypotheses = [(0.0, ["one", "two"])]
    assert tracker.update(16, alone, 0) == 0
    assert tracker.update(32, alone, 0) == 0
    assert tracker.update(48, alone, 0) == 2


def test_a_change_restarts_the_wait_for_the_word_and_those_after_it() -> None:
    tracker = StabilityTracker(hold_frames=25, min_share=0.5)
    tracker.update(16, [(0.0, ["one", "two", "three"])], 0)
    tracker.update(32, [(0.0, ["one", "too", "three"])], 0)
    assert tracker.update(48, [(0.0, ["one", "too", "three"])], 0) == 1
    assert tracker.update(64, [(0.0, ["one", "too", "three"])], 1) == 3


def test_a_word_that_other_hypotheses_contradict_is_not_stable() -> None:
    tracker = StabilityTracker(hold_frames=0, min_share=0.5)
    equal: Hypotheses = [(0.0, ["one", "two"]), (-0.01, ["one", "too"]), (-0.01, ["one", "to"])]
    assert tracker.update(16, equal, 0) == 1
    unlikely: Hypotheses = [(0.0, ["one", "two"]), (-9.0, ["one", "too"])]
    assert tracker.update(32, unlikely, 1) == 2


def test_half_of_the_probability_is_enough_where_half_must_agree() -> None:
    tracker = StabilityTracker(hold_frames=0, min_share=0.5)
    assert tracker.update(16, [(0.0, ["one"]), (0.0, ["two"])], 0) == 1


def test_the_scores_of_a_long_utterance_are_compared_as_well_as_those_of_a_short_one() -> None:
    tracker = StabilityTracker(hold_frames=0, min_share=0.5)
    equal = [(-500.0, ["one", "two"]), (-500.0, ["one", "too"]), (-500.0, ["one", "to"])]
    assert tracker.update(16, equal, 0) == 1


def test_reset_forgets() -> None:
    tracker = StabilityTracker(hold_frames=25, min_share=0.5)
    tracker.update(0, [(0.0, ["one"])], 0)
    tracker.reset()
    assert tracker.update(100, [(0.0, ["one"])], 0) == 0


@settings(max_examples=50, deadline=None)
@given(
    st.lists(
        st.lists(st.lists(st.sampled_from("ab"), max_size=5), min_size=1, max_size=4), max_size=20
    )
)
def test_stable_words_never_shrink_nor_exceed_the_best_hypothesis(
    moments: list[list[list[str]]],
) -> None:
    tracker = StabilityTracker(hold_frames=20, min_share=0.5)
    n_stable = 0
    for number, texts in enumerate(moments):
        hypotheses: Hypotheses = [(-float(i), words) for i, words in enumerate(texts)]
        now = tracker.update(16 * number, hypotheses, n_stable)
        assert n_stable <= now <= max(n_stable, len(texts[0]))
        n_stable = now if now <= len(texts[0]) else n_stable
