"""Errors: one line, whatever names they mention."""

from __future__ import annotations

import pytest

from streamer.errors import ModelError, StreamerError, UsageError


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("a\nb", "a\\nb"),
        ("a\x1b[2Jb", "a\\x1b[2Jb"),
        ("a\u2028b", "a\\u2028b"),
        ("two  spaces, ä, 漢", "two  spaces, ä, 漢"),
    ],
)
def test_an_error_is_one_line_and_cannot_control_the_terminal(written: str, shown: str) -> None:
    error = StreamerError(written, written)
    assert str(error) == f"{shown} - {shown}"
    assert (error.what, error.todo) == (shown, shown)


def test_a_usage_error_has_its_own_exit_code() -> None:
    assert (ModelError("a", "b").exit_code, UsageError("a", "b").exit_code) == (1, 2)
