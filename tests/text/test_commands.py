"""Spoken commands are told from words by the pauses around them."""

from __future__ import annotations

import pytest

from streamer.dictation import load_commands
from streamer.text.casings import Casings
from streamer.text.model import TextModel
from streamer.text.writing import DictationWriter
from streamer.text.written import WrittenForm
from tests.text.test_written import marking

TABLE = load_commands()


NAMES = TextModel(Casings(["France", "Paris", "Victorian", "John"]))


def dictated(*lines: str, model: TextModel = NAMES) -> str:
    writer = DictationWriter(WrittenForm(model), TABLE.find)
    for line in lines:
        writer.line(line)
    return writer.end()


@pytest.mark.parametrize(
    "spoken, written",
    [
        (
            "dear john | comma | new line | thank you for your letter | period",
            "Dear John,\nThank you for your letter.",
        ),
        ("is it true | question mark", "Is it true?"),
        ("this is wrong | scratch that | this is right | full stop", "This is right."),
        ("literal comma is a word", "Comma is a word."),
        ("thank you for your letter period", "Thank you for your letter."),
        ("is it true question mark", "Is it true?"),
        ("thank you for calling period", "Thank you for calling."),
        ("is that the first time question mark", "Is that the first time?"),
        ("one | comma new line | two", "One,\nTwo."),
        ("one | new paragraph | two", "One.\n\nTwo."),
        ("he said | open quote | no | close quote", 'He said "no".'),
        ("we saw | capital | spring", "We saw Spring."),
        ("we saw | all caps | nato", "We saw NATO."),
        ("we saw two | delete last word | three", "We saw three."),
        ("hello | stop listening", "Hello."),
    ],
)
def test_commands(spoken: str, written: str) -> None:
    assert dictated(spoken) == written


@pytest.mark.parametrize(
    "words",
    [
        "the capital of france is paris",
        "the victorian period was long",
        "his colon was inflamed",
        "she put a comma in the wrong place",
        "a new line of products",
        "put it in quotes please",
        "it was a long period",
        "this is my trial period",
        "he drew a question mark",
        "it came to a full stop",
        "the literal comma stays",
        "a literal translation",
        "we should scratch that idea",
        "we leave after the next sleep period",
        "there was none in the first minute period",
        "period dramas bore me",
        "that was the victorian period",
        "he drew a big question mark",
        "it came to a sudden full stop",
        "it was the late victorian period",
    ],
)
def test_words_that_only_sound_like_commands(words: str) -> None:
    written = dictated(words)
    assert written.rstrip(".").lower() == words


def test_a_command_alone_in_its_utterance() -> None:
    assert (
        dictated("we are here", "full stop", "new line", "so are they")
        == "We are here.\nSo are they."
    )


def test_scratch_takes_the_utterance_before_back() -> None:
    assert dictated("one", "two", "scratch that", "three") == "One three."


@pytest.mark.parametrize(
    "spoken, written",
    [
        ("he said | open quote | hello | close quote", 'He said "hello".'),
        ("he said | comma | open quote | hello | close quote", 'He said, "hello".'),
        ("open quote | hello | close quote | she said | period", '"Hello" she said.'),
        ("he left | period | open quote | hello | close quote", 'He left. "Hello".'),
    ],
)
def test_nothing_automatic_stands_beside_quotation_marks(spoken: str, written: str) -> None:
    assert dictated(spoken, model=marking(said=".", hello="!")) == written


def test_a_casing_without_a_word_is_a_word() -> None:
    assert dictated("he stood before the | capital").lower() == "he stood before the capital."
