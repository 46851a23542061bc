"""``streamer --help`` and ``--help-all``."""

from __future__ import annotations

from typing import Any

import pytest
import typer

from streamer.cli.app import build_app, run
from streamer.cli.help_text import OPTIONS, WIDEST, long_help, short_help
from streamer.cli.support.command_tree import walk
from streamer.cli.support.environment import bind_environment
from streamer.cli.support.placeholders import name_values


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
    assert "--device NAME|NUMBER" in out and err == ""


def test_every_option_of_every_command_is_explained() -> None:
    for path, each in walk(typer.main.get_command(build_app())):
        for param in each.params:
            if param.param_type_name == "option" and not param.hidden:
                assert param.help, (path, param.name)


def test_every_value_in_the_help_of_a_command_has_a_placeholder_in_capitals() -> None:
    for path, each in walk(named()):
        for param in each.params:
            if param.param_type_name == "argument" or not (param.is_flag or param.hidden):
                assert param.metavar and "<" not in param.metavar, (path, param.name)


def test_the_help_of_every_command_fits_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    for path, each in walk(named()):
        shown = each.make_context("x", [], resilient_parsing=True).get_help()
        assert max(map(len, shown.splitlines())) <= 80, path
        if len(path) != 1 or not hasattr(each, "commands"):
            continue
        listed = shown.partition("Commands:")[2]
        assert "..." not in listed, f"a summary in {path} is cut"


@pytest.mark.parametrize("group", ["models", "scorer"])
def test_a_group_without_a_command_shows_its_help(
    group: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code = run([group])
    out, err = capsys.readouterr()
    # Click 8.1, the last one for Python 3.9, takes it for a question, later ones for an error.
    assert (code, bool(out), bool(err)) in [(0, True, False), (2, False, True)]
    shown = out or err
    assert shown.startswith(f"Usage: streamer {group}") and "\nCommands:\n" in shown


def named() -> Any:
    made = typer.main.get_command(build_app())
    name_values(made)
    return made
