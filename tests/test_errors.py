"""Errors: one line, whatever names they mention."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import streamer
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


def messages() -> Iterator[tuple[str, str]]:
    """Yield where an error is made, and the literal beginning of what it says."""
    for path in sorted(Path(streamer.__file__).parent.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            for part in node.args[:2] if name.endswith("Error") else ():
                first = part.values[0] if isinstance(part, ast.JoinedStr) else part
                if isinstance(first, ast.Constant) and isinstance(first.value, str):
                    yield f"{path}:{part.lineno}", first.value


def test_errors_begin_in_lower_case_except_for_names() -> None:
    found = list(messages())
    assert len(found) > 400
    names = ("Core ML ", "Wyoming ", "Ray ", "PortAudio ")
    for where, text in found:
        assert not re.match("[A-Z][a-z]* ", text) or text.startswith(names), f"{where}: {text}"
