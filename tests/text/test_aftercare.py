"""Fillers, replacements and masked words: what is displayed changes, nothing else."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import streamer
from streamer.errors import UsageError
from streamer.text.casings import Casings
from streamer.text.fillers import without_fillers
from streamer.text.model import TextModel, find_slurs, load_text_model
from streamer.text.options import WritingOptions, writing_options
from streamer.text.replacements import REPLACEMENTS_FILE, Replacements, changes, load_replacements
from streamer.text.rough_words import RoughWords
from streamer.text.written import WrittenForm
from tests.text.test_written import MODELS, WORDS

PLAIN = TextModel(Casings(["London"]), rough=RoughWords(frozenset(["blick"]), frozenset(["drat"])))
APPLE = Replacements({"eye phone": "iPhone", "gonna": "going to", "acme inc": "ACME"})


def written(text: str, **switches: object) -> str:
    return streamer.write_out(text, model=PLAIN, **switches)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "spoken, kept",
    [
        ("um we went uh home", "we went home"),
        ("we we went to to to london", "we went to london"),
        ("i um i think", "i think"),
        ("it was very very good", "it was very very good"),
        ("he said that that had had its day", "he said that that had had its day"),
        ("call two two two", "call two two two"),
        ("um", ""),
    ],
)
def test_fillers_and_repetitions(spoken: str, kept: str) -> None:
    words = spoken.split()
    assert " ".join(words[k] for k in without_fillers(words)) == kept


def test_numbers_are_read_without_the_fillers_among_them() -> None:
    assert written("twenty um four cats", fillers=False) == "24 cats."
    assert written("twenty um four cats") == "20 um four cats."


def test_an_utterance_of_fillers_writes_nothing() -> None:
    form = WrittenForm(PLAIN, WritingOptions(fillers=False))
    assert form.final(["um", "uh"]).text == ""
    assert form.close() == ""
    assert form.final(["hello"]).text == "Hello"


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(MODELS), st.integers(0, 2**32 - 1), st.booleans(), st.booleans())
def test_nothing_stable_is_taken_back_with_them(
    model: TextModel, seed: int, fillers: bool, mask: bool
) -> None:
    random = Random(seed)
    table = Replacements({"we go": "We-Go", "he": "HE", "it may": "IT"})
    form = WrittenForm(model, WritingOptions(fillers=fillers, mask=mask, replacements=table))
    words = random.choices([*WORDS, "um", "uh"], k=random.randint(1, 12))
    shown, known = "", 0
    while known < len(words):
        known = random.randint(known, len(words))
        heard = words[:known] + random.choices(WORDS, k=random.randint(0, 2))
        partial = form.partial(heard, known)
        assert partial.text.startswith(partial.stable)
        assert partial.stable.startswith(shown)
        shown = partial.stable
        known += 1
    assert form.final(words).text.startswith(shown)


@pytest.mark.parametrize(
    "spoken, expected",
    [
        ("my eye phone rings", "My iPhone rings."),
        ("eye phone rings", "iPhone rings."),
        ("gonna be late", "Going to be late."),
        ("at acme inc", "At ACME."),
        ("an eye is no phone", "An eye is no phone."),
    ],
)
def test_replacements(spoken: str, expected: str) -> None:
    assert written(spoken, replacements=APPLE.table) == expected


def test_verbatim_is_not_replaced() -> None:
    options = writing_options(verbatim=True, fillers=False, replacements=APPLE)
    assert WrittenForm(PLAIN, options).final("um eye phone".split()).text == "um eye phone"


def test_without_marks_a_replacement_keeps_its_capitals() -> None:
    assert written("my eye phone in london", replacements=APPLE.table, punctuation=False) == (
        "my iPhone in london"
    )


def test_what_is_learnt_counts_from_the_next_utterance_on() -> None:
    table = Replacements()
    form = WrittenForm(PLAIN, WritingOptions(replacements=table))
    assert form.final("a sink".split()).text == "A sink"
    table.learn("sink", "sync")
    assert form.final("a sink".split()).text == "a sync"


def test_the_table_is_kept_in_a_private_file(tmp_path: Path) -> None:
    folder = tmp_path / "config"
    table = load_replacements(folder)
    assert table.table == {}
    table.learn("Eye  Phone", 'i"Phone')
    table.learn("sink", "sync")
    assert load_replacements(folder).table == {"eye phone": 'i"Phone', "sink": "sync"}
    if os.name == "posix":
        assert stat.S_IMODE((folder / REPLACEMENTS_FILE).stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "text", ['"a" = 3', '"" = "x"', '"a" = ""', '"a b c d e f" = "x"', "a = [", '"a" = "x\\u001b"']
)
def test_a_table_that_is_none_is_one_line(tmp_path: Path, text: str) -> None:
    (tmp_path / REPLACEMENTS_FILE).write_text(text, encoding="utf-8")
    with pytest.raises(UsageError):
        load_replacements(tmp_path)


@pytest.mark.parametrize(
    "display, edited, learnt",
    [
        ("My eye phone rings", "My iPhone rings", {"eye phone": "iPhone"}),
        ("My eye phone rings", "My eye phone rings.", {}),
        ("My eye phone rings", "my eye phone rings", {}),
        ("My eye phone rings", "My eye Phone rings", {"phone": "Phone"}),
        ("My eye phone rings", "My eye rings", {}),
        ("My eye phone rings", "Something else altogether", {"my eye phone rings": "Something "
                                                             "else altogether"}),
    ],
)  # fmt: skip
def test_what_somebody_changes_is_learnt(display: str, edited: str, learnt: dict[str, str]) -> None:
    assert changes("my eye phone rings".split(), display, edited) == learnt


def test_learning_from_a_number_takes_its_words() -> None:
    words = "in nineteen eighty two".split()
    assert changes(words, "In 1982", "In '82") == {"nineteen eighty two": "'82"}


def test_masked_words() -> None:
    assert written("drat that blick's drat", mask=True) == "D*** that b****** d***."
    assert written("drat", mask=True, punctuation=False) == "d***"
    assert written("drat") == "Drat."


def test_english_has_a_list_of_rough_words() -> None:
    slurs = find_slurs("en-US")
    assert len(slurs) > 50
    assert slurs == load_text_model().rough.slurs
    assert find_slurs("xx") == find_slurs("") == frozenset()
    # Ordinary words are not among them.
    ordinary = {"cracker", "dyke", "mongol", "gypsy", "queer", "negro", "indian", "damn", "hell"}
    assert not ordinary & (slurs | load_text_model().rough.profanity)


def test_nobody_reads_the_list_by_accident() -> None:
    from streamer.text.model import ROUGH_FILE, bundled_folder

    plain = (bundled_folder() / ROUGH_FILE).read_text(encoding="utf-8").split()
    assert not set(plain) & load_text_model().rough.profanity


def test_a_table_that_cannot_be_written_is_one_line_and_counts_until_the_end(
    tmp_path: Path,
) -> None:
    (tmp_path / "file").touch()
    table = Replacements(path=tmp_path / "file" / REPLACEMENTS_FILE)
    with pytest.raises(UsageError, match=r"cannot write .* - check its folder"):
        table.learn("sink", "sync")
    assert table.table == {"sink": "sync"}


def test_a_table_that_is_no_text_is_one_line(tmp_path: Path) -> None:
    (tmp_path / REPLACEMENTS_FILE).write_bytes(b"\xff\xfe")
    with pytest.raises(UsageError, match=r"cannot read .* - fix or remove it"):
        load_replacements(tmp_path)


def test_without_a_folder_the_table_is_in_memory() -> None:
    table = load_replacements(None)
    table.learn("sink", "sync")
    assert table.table == {"sink": "sync"}
