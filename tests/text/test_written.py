"""What is stable stays, and the words stay the same."""

from __future__ import annotations

from itertools import accumulate
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamer.arrays import FloatArray, IntArray
from streamer.text.casings import Casings
from streamer.text.model import TextModel
from streamer.text.numbers import DateStyle, NumberWriter
from streamer.text.numpy_tagger import NumpyTagger
from streamer.text.options import VERBATIM, WritingOptions
from streamer.text.tagger import Tagger, Tags, pause_features
from streamer.text.tags import MARKS
from streamer.text.vocabulary import Vocabulary
from streamer.text.written import WrittenForm
from tests.support.written import spoken
from tests.text.weights import random_weights

WORDS = (
    "a and at but did five forty four go he hundred i i'm it london may minus nineteen of on one "
    "point second seven she the there they third thirty twenty two united states we who"
).split()
CASINGS = Casings(["London", "United States"])
UTTERANCE = st.lists(st.sampled_from(WORDS), min_size=1, max_size=12)


def random_model(seed: int) -> TextModel:
    vocabulary = Vocabulary(WORDS)
    tagger = NumpyTagger(random_weights(len(vocabulary), seed))
    return TextModel(CASINGS, tagger, vocabulary)


MODELS = [TextModel(CASINGS), random_model(1), random_model(2)]
model = st.sampled_from(MODELS)
options = st.builds(WritingOptions, st.booleans(), st.booleans(), st.sampled_from(DateStyle))


def with_times(words: list[str], pauses: list[float], begin: float) -> list[tuple[float, float]]:
    starts = accumulate([begin, *(0.3 + pause for pause in pauses[: len(words) - 1])])
    return [(start, start + 0.3) for start, _ in zip(starts, words)]


@settings(max_examples=300, deadline=None)
@given(model, options, st.lists(UTTERANCE, min_size=1, max_size=3), st.integers(0, 2**32 - 1))
def test_the_stable_part_is_never_taken_back(
    model: TextModel, options: WritingOptions, utterances: list[list[str]], seed: int
) -> None:
    form = WrittenForm(model, options)
    random = Random(seed)
    begin = 0.0
    for words in utterances:
        times = with_times(words, [random.uniform(0, 1) for _ in words], begin)
        begin = times[-1][1] + 1
        known = 0
        shown = ""
        join = None
        while known < len(words):
            known = random.randint(known, len(words))
            # Behind the stable words anything may be heard.
            guess = words[:known] + random.choices(WORDS, k=random.randint(known == 0, 3))
            pauses = [random.uniform(0, 1) for _ in guess]
            heard = times[:known] + with_times(guess[known:], pauses, times[0][0])
            partial = form.partial(guess, known, heard)
            assert partial.text.startswith(partial.stable)
            assert partial.stable.startswith(shown)
            assert join is None or partial.join == join
            shown, join = partial.stable, partial.join
            known += 1
        final = form.final(words, times)
        assert final.text.startswith(shown)
        assert join is None or final.join == join
        if random.random() < 0.5:
            form.close()


def test_the_numbers_are_read_once() -> None:
    words = "in nineteen eighty two there were twenty four of us".split()
    writer = NumberWriter()
    units = [unit for known in range(len(words)) for unit in writer.settle(words[:known], False)]
    units += writer.settle(words, complete=True)
    assert [unit.begin for unit in units] == [0, 1, 4, 5, 6, 8, 9]


def test_a_partial_costs_what_is_new_in_it() -> None:
    vocabulary = Vocabulary(WORDS)
    tagger = Marking(vocabulary, {})
    form = WrittenForm(TextModel(CASINGS, tagger, vocabulary))
    for n in range(2, 200):
        tagger.rows = 0
        form.partial(["we", "go"] * n, 2 * n - 2)
        assert tagger.rows <= 10


def test_words_that_are_all_known_are_tagged_once() -> None:
    vocabulary = Vocabulary(WORDS)
    tagger = Marking(vocabulary, {})
    form = WrittenForm(TextModel(CASINGS, tagger, vocabulary))
    form.partial(["we", "go"] * 3, 6)
    assert tagger.rows == 6


@given(model, UTTERANCE)
def test_marks_and_capitals_undone_give_the_words_back(model: TextModel, words: list[str]) -> None:
    written = WrittenForm(model, WritingOptions(numbers=False)).final(words)
    assert spoken(written.text) == " ".join(words)


@given(model, UTTERANCE)
def test_verbatim_is_the_words(model: TextModel, words: list[str]) -> None:
    form = WrittenForm(model, VERBATIM)
    assert form.final(words).text == " ".join(words)
    assert form.close() == ""
    assert form.partial(words, len(words)).stable == " ".join(words)


@given(model, UTTERANCE)
def test_a_final_ends_without_its_mark_and_close_writes_it(
    model: TextModel, words: list[str]
) -> None:
    form = WrittenForm(model)
    assert form.final(words).text[-1] not in MARKS
    assert form.close() in (".", "?", "!")
    assert form.close() == ""


class Marking:
    """Puts a mark after certain words, once it sees the word behind."""

    look_ahead = 2
    state_size = 1
    certainty = 1
    rows = 0

    def __init__(self, vocabulary: Vocabulary, marks: dict[str, str]) -> None:
        self._marks = {vocabulary.number(word): MARKS.index(m) for word, m in marks.items()}

    def tag(
        self,
        numbers: IntArray,
        ahead: IntArray,
        pauses: FloatArray,
        before: FloatArray,
        state: FloatArray,
    ) -> Tags:
        self.rows += len(numbers)
        marks = np.zeros((len(numbers), len(MARKS)), dtype=np.float32)
        for row, number in enumerate(numbers):
            marks[row, self._marks.get(int(number), 0)] = self.certainty
        cases = np.tile(np.array([[self.certainty, 0, 0]], dtype=np.float32), (len(numbers), 1))
        return Tags(marks, cases, np.zeros((len(numbers), 1), dtype=np.float32))


def marking(**marks: str) -> TextModel:
    vocabulary = Vocabulary(list(marks))
    tagger: Tagger = Marking(vocabulary, marks)
    return TextModel(CASINGS, tagger, vocabulary)


def test_a_sentence_goes_on_over_a_breath() -> None:
    form = WrittenForm(marking(home=","))
    first = form.final("we went home".split())
    second = form.final("and they stayed".split())
    assert first.text == "We went home"
    assert (second.join, second.text) == (", ", "and they stayed")
    assert form.close() == "."


def test_the_next_utterance_begins_the_next_sentence() -> None:
    form = WrittenForm(marking(home="."))
    form.final("we went home".split())
    second = form.final("they stayed".split())
    assert (second.join, second.text) == (". ", "They stayed")


def test_the_join_waits_for_the_words_in_sight() -> None:
    form = WrittenForm(marking(home="."))
    form.final("we went home".split())
    waiting = form.partial(["they"], 1)
    assert (waiting.join, waiting.stable) == (None, "")
    assert form.partial("they stayed there".split(), 3).join == ". "


def test_sure_decisions_do_not_wait_for_all_words_in_sight() -> None:
    vocabulary = Vocabulary(["home"])
    words = "we went home and they stayed".split()
    unsure, sure = Marking(vocabulary, {"home": ","}), Marking(vocabulary, {"home": ","})
    unsure.look_ahead = sure.look_ahead = 8
    sure.certainty = 10
    stable = [
        WrittenForm(TextModel(CASINGS, tagger, vocabulary)).partial(words, 6).stable
        for tagger in (unsure, sure)
    ]
    assert stable == ["", "We went"]


def test_marks_stand_behind_numbers_not_inside() -> None:
    form = WrittenForm(marking(twenty=".", four=","))
    assert form.final("there were twenty four and two".split()).text == "There were 24, and two"


@pytest.mark.parametrize(
    "spoken, written",
    [
        ("i think i'm right", "I think I'm right"),
        ("we met mister smith in london on friday", "We met Mister Smith in London on friday"),
        ("london's streets", "London's streets"),
        ("the united states and france", "The United States and france"),
        ("she may come in may", "She may come in May"),
        ("minus five degrees", "Minus 5 degrees"),
    ],
)
def test_capitals_from_the_lexicon(spoken: str, written: str) -> None:
    assert WrittenForm(TextModel(CASINGS)).final(spoken.split()).text == written


def test_unknown_pauses_are_told_apart_from_none() -> None:
    features = pause_features(np.array([np.nan, 0.0, 0.5]))
    assert features[:, 0].tolist() == [0, 1, 1]
    assert features[0, 1] == features[1, 1] == 0 < features[2, 1]


def test_a_later_list_of_casings_corrects_an_earlier_one() -> None:
    casings = Casings(["ZIP", "London", "-zip", "New Year's", "Colon", "colon"])
    assert casings.written("zip") is None
    assert casings.written("colon") == "colon"
    assert casings.written("general", after="colon") is None
    assert casings.written("london") == "London"
    assert casings.written("new", after="year's") == "New"
    assert casings.written("year's", before="new") == "Year's"
