"""Parsing user words and files of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from streamer.decoding import (
    UserWord,
    parse_user_word,
    read_user_words,
    user_words,
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


@pytest.mark.parametrize("text", ["", "=3", "a b", "a=b", "a=nan", "a=1=2"])
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


def test_a_bad_line_is_named_and_skipped_where_there_is_someone_to_warn(tmp_path: Path) -> None:
    path = tmp_path / "words.txt"
    path.write_text("good\nbad=x\ntwo words\nbetter\n")
    warnings: list[str] = []
    assert read_user_words(path, warnings.append) == [UserWord("good"), UserWord("better")]
    assert [f"line {n}" in line for n, line in zip((2, 3), warnings)] == [True, True]


@pytest.mark.parametrize("apostrophe", "'\u2019\u2018\u02bc\uff07`")
def test_any_apostrophe_is_the_plain_one(apostrophe: str) -> None:
    assert parse_user_word(f"O{apostrophe}Neil") == UserWord("o'neil")


@pytest.mark.parametrize(("weight", "used"), [("30", 20.0), ("1e9", 20.0), ("-inf", -20.0)])
def test_a_weight_that_drowns_the_rest_is_capped_with_a_warning(weight: str, used: float) -> None:
    warnings: list[str] = []
    assert parse_user_word(f"noise={weight}", warnings.append).weight == used
    assert len(warnings) == 1 and "'noise'" in warnings[0]
    assert parse_user_word("noise=20", warnings.append).weight == 20.0
    assert len(warnings) == 1


def test_more_words_than_can_be_planted_at_the_start_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(user_words, "MAX_WORDS", 3)
    path = tmp_path / "names.txt"
    path.write_text("# names\na\nb\n\nc\n")
    assert len(read_user_words(path)) == 3
    path.write_text("a\nb\nc\nd\n")
    with pytest.raises(UsageError, match="has more than 3 words"):
        read_user_words(path)


def test_a_weight_that_drowns_the_rest_is_reduced_with_a_warning_where_someone_hears_it() -> None:
    assert parse_user_word("zorblax=-1e9") == UserWord("zorblax", -user_words.MAX_WEIGHT)
    warnings: list[str] = []
    assert parse_user_word("zorblax=1e9", warnings.append).weight == user_words.MAX_WEIGHT
    assert len(warnings) == 1 and "zorblax" in warnings[0]
