"""The table of spoken commands."""

from __future__ import annotations

from pathlib import Path

import pytest

from streamer.dictation import Command, Kind, load_commands
from streamer.errors import UsageError


def test_the_documented_commands_exist():
    said = load_commands().commands
    for command in (
        "comma", "period", "full stop", "question mark", "exclamation mark", "colon", "new line",
        "new paragraph", "open quote", "close quote", "capital", "all caps", "scratch that",
        "delete last word", "stop listening",
    ):  # fmt: skip
        assert command in said


def test_the_longest_command_matches():
    table = load_commands()
    assert table.match(["say", "New", "paragraph", "now"], 1) == (Command(Kind.BREAK, "\n\n"), 2)
    assert table.match(["new"], 0) == (None, 1)
    assert table.match(["new", "line"], 1) == (None, 1)
    assert table.weights()["paragraph"] > table.weights()["new"] > 0


def test_a_users_table_adds_replaces_and_disables(tmp_path: Path):
    (tmp_path / "commands.toml").write_text(
        '[punctuation]\n"Period" = false\ncomma = ";"\n'
        '[replacements]\n"my  address" = "12 Harbour Street"\n',
        encoding="utf-8",
    )
    said = load_commands(tmp_path).commands
    assert "period" not in said
    assert said["comma"].text == ";"
    assert said["my address"] == Command(Kind.REPLACEMENT, "12 Harbour Street")
    assert said["colon"].text == ":"


def test_without_a_users_table_the_packages_is_used(tmp_path: Path):
    assert load_commands(tmp_path).commands == load_commands().commands


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('[punctuation]\n\n"dot" = 5\n', r"commands\.toml, line 3: .*must be some text"),
        ('[punctuation]\n"dot" = ""\n', "line 2: .*must be some text"),
        ('# one\n[actions]\n"fly" = "up"\n', 'line 3: "fly" must be one of: capital'),
        ('[punktuation]\n"dot" = "."\n', r"line 1: \[punktuation\] is not a section"),
        ('dot = "."\n', "line 1: .*not a section"),
        ('[punctuation]\n"dot" = "\n', "not valid TOML .*line 2"),
    ],
)
def test_an_invalid_table_is_one_error_that_names_the_line(tmp_path: Path, content, message):
    (tmp_path / "commands.toml").write_text(content, encoding="utf-8")
    with pytest.raises(UsageError, match=message) as caught:
        load_commands(tmp_path)
    assert "\n" not in str(caught.value)
