"""Alphabets: DeepSpeech's format, and errors for invalid files."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamer.decoding import Alphabet, read_alphabet, write_alphabet
from streamer.decoding.alphabet import MAX_LABELS
from streamer.errors import ModelError
from tests.conftest import SHARED, needs_shared
from tests.support.posteriors import ENGLISH


def written(folder: Path, content: bytes) -> Path:
    path = folder / "alphabet.txt"
    path.write_bytes(content)
    return path


def test_comments_escapes_space_and_line_ends(tmp_path: Path) -> None:
    path = written(tmp_path, b"# a comment\r\n \r\na\r\n\\#\r\n'\r\n# the end\r\n")
    assert read_alphabet(path).labels == (" ", "a", "#", "'")


def test_the_last_line_may_lack_a_newline(tmp_path: Path) -> None:
    assert read_alphabet(written(tmp_path, b" \na\nb")).labels == (" ", "a", "b")


@needs_shared
def test_the_original_english_alphabet_is_read() -> None:
    alphabet = read_alphabet(SHARED / "reference" / "alphabet.txt")
    assert alphabet == ENGLISH
    assert (alphabet.space, alphabet.blank, len(alphabet)) == (0, 28, 28)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"# nothing but a comment\n",
        b"a\nb\n",  # no space
        b" \na\na\n",  # twice
        b" \n\na\n",  # an empty line
        b"\xff\xfe\x00",
        b"\0" * 100,
        b" \n" + b"x" * (1 << 21),
    ],
)
def test_an_invalid_alphabet_is_a_model_error(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(ModelError) as caught:
        read_alphabet(written(tmp_path, content))
    assert str(tmp_path) in str(caught.value)
    assert caught.value.todo


def test_a_missing_alphabet_is_a_model_error(tmp_path: Path) -> None:
    with pytest.raises(ModelError):
        read_alphabet(tmp_path / "none.txt")
    with pytest.raises(ModelError):
        read_alphabet(tmp_path)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.characters(blacklist_categories=("Cs", "Cc"), blacklist_characters=" \ufeff"),
        unique=True,
        min_size=1,
        max_size=40,
    )
)
def test_alphabets_survive_writing_and_reading(
    tmp_path_factory: pytest.TempPathFactory, labels: list[str]
) -> None:
    path = tmp_path_factory.mktemp("alphabet") / "alphabet.txt"
    alphabet = Alphabet([" ", *labels])
    write_alphabet(path, alphabet)
    assert read_alphabet(path) == alphabet


def test_text_survives_encoding_and_decoding() -> None:
    assert ENGLISH.decode(ENGLISH.encode("it's a test")) == "it's a test"
    assert ENGLISH.can_spell("don't") and not ENGLISH.can_spell("Don't")
    with pytest.raises(ModelError, match="no 'é'"):
        ENGLISH.encode("café")


@pytest.mark.parametrize("character", ["\x1b", "\x9b", "\x07", "\u202e", "\u2066", "\u2028"])
def test_a_label_that_controls_terminals_is_refused(character: str) -> None:
    with pytest.raises(ModelError, match="controls terminals"):
        Alphabet([" ", "a", f"b{character}"])


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([], "has no labels"),
        ([" ", ""], "an empty label"),
        ([" ", *(chr(0x4E00 + i) for i in range(MAX_LABELS))], f"use at most {MAX_LABELS}"),
    ],
)
def test_labels_that_cannot_be_an_alphabet_are_refused(labels: list[str], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        Alphabet(labels)
