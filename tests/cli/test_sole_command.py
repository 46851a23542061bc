"""Commands that are built without the others."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer

from streamer.cli.app import build_app, command_first, sole_command


@pytest.fixture(autouse=True)
def no_config(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The path of a config file that does not exist."""
    path = tmp_path / "config.toml"
    monkeypatch.setenv("STREAMER_CONFIG", str(path))
    return path


@pytest.mark.parametrize(
    "arguments",
    [
        [], ["listen", "--beam", "10"], ["transcribe", "a.wav"], ["write"], ["demo", "--help"],
        ["talk.flac"], ["-"], ["https://example.org/a.mp3"],
    ],
)  # fmt: skip
def test_a_command_alone_is_the_one_that_all_commands_would_run(arguments: list[str]) -> None:
    name = sole_command(arguments)
    assert name is not None
    everything = typer.main.get_command(build_app())
    alone = typer.main.get_command(build_app(name))
    assert list(alone.commands) == [name]  # type: ignore[attr-defined]
    assert command_first(alone, arguments) == command_first(everything, arguments)
    assert command_first(alone, arguments)[0] == name


@pytest.mark.parametrize(
    "arguments", [["models", "list"], ["config"], ["--help"], ["--beam", "10"], ["trancribe"]]
)
def test_all_commands_are_built_where_they_may_be_needed(arguments: list[str]) -> None:
    assert sole_command(arguments) is None


def test_a_config_file_is_checked_against_all_commands(no_config: Path) -> None:
    no_config.write_text("beam = 10\n")
    assert sole_command(["listen"]) is None


def test_completions_need_all_commands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_STREAMER_COMPLETE", "complete_bash")
    assert sole_command([]) is None
