"""``streamer --help`` and ``--help-all``."""

from __future__ import annotations

import re
from typing import Any

import pytest
import typer

from streamer.cli.app import build_app, run
from streamer.cli.help_text import OPTIONS, WIDEST, long_help, short_help
from streamer.cli.support.environment import bind_environment


@pytest.fixture(scope="module")
def command() -> Any:
    made = typer.main.get_command(build_app())
    bind_environment(made)
    return made


@pytest.mark.parametrize("columns", ["60", "80", "200"])
def test_the_help_has_the_ten_options_and_all_commands_in_whole_words(
    command: Any, columns: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    text = short_help(command)
    words = " ".join(text.split())
    assert len(OPTIONS) == 10 and all(f"{name} " in words for name in OPTIONS)
    for name, each in command.commands.items():
        first = each.help.split("\n\n")[0]
        assert f" {name} {' '.join(first.split())[:40]}" in words
    assert "..." not in text and "…" not in text
    assert max(map(len, text.splitlines())) <= min(int(columns), WIDEST)


def test_all_options_of_listening_and_transcribing_are_in_the_long_help(command: Any) -> None:
    words = long_help(command).split()
    for name in ("listen", "transcribe"):
        for param in command.commands[name].params:
            if param.param_type_name == "option" and not param.hidden and param.name != "help":
                assert {*param.opts} & {word.rstrip(",") for word in words}, param.name
                assert f"[{param.envvar}]" in words


@pytest.mark.parametrize("argument", ["-h", "--help", "--help-all"])
def test_the_help_is_an_answer_on_standard_output(
    argument: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([argument]) == 0
    out, err = capsys.readouterr()
    assert re.search(r"--device (NAME\|NUMBER|VALUE)", out) and err == ""
