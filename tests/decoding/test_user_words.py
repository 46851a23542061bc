"""Parsing user words and files of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from streamer.decoding import (
    UserWord,
    parse_user_word,
    read_user_words,
)
from streamer.errors import UsageError


def test_a_file_of_words(tmp_path: Path) -> None:
    path = tmp_path / "words.txt"
    path.write_text(
        "# names\nZorblax\n\nelizabeth = 2.5  # the queen\nnoise=-3\n", encoding="utf-8"
    )
    assert read_user_words(path) == [
        UserWord("zorblax"),
        UserWord("elizabeth", 2.5),
        UserWord("noise", -3.0),
    ]


@pytest.mark.parametrize("text", ["", "=3", "a b", "a=b", "a=nan", "a=1e9", "a=1=2"])
def test_invalid_words_are_usage_errors(text: str) -> None:
    with pytest.raises(UsageError):
        parse_user_word(text)


def test_errors_in_a_file_of_words_name_the_line(tmp_path: Path) -> None:
    path = tmp_path / "words.txt"
    path.write_text("good\nbad=x\n")
    with pytest.raises(UsageError, match="line 2"):
        read_user_words(path)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(UsageError):
        read_user_words(path)
    with pytest.raises(UsageError):
        read_user_words(tmp_path / "none.txt")
