"""Command lines of README and docs are run as they stand, or say what they need."""

from __future__ import annotations

import shlex
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
import typer

from streamer.cli.app import build_app, command_first
from streamer.cli.commands.speech.demo import sample_path
from tests.support.documented import WAITING, CommandLine, Sandbox, command_lines

LINES = list(command_lines())
#: Commands that talk to a running streamer; without one they end with a line that says so.
CONTROL = ("start", "stop", "toggle", "status")


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Sandbox:
    return Sandbox(tmp_path_factory.mktemp("documented"), sample_path())


@pytest.fixture(scope="module")
def commands() -> Any:
    return typer.main.get_command(build_app())


def test_the_pages_have_command_lines() -> None:
    pages = {line.page for line in LINES}
    assert {"README.md", "docs/index.md", "docs/pipes.md", "docs/models.md"} <= pages
    assert sum(not line.mark for line in LINES) > 20


@pytest.mark.parametrize("line", LINES, ids=str)
def test_every_command_of_ours_has_the_options_that_a_page_gives_it(
    line: CommandLine, commands: Any
) -> None:
    words = shlex.split(line.text, comments=True)
    while words and "=" in words[0].partition("-")[0]:
        words = words[1:]
    assert words
    for at, word in enumerate(words):
        if word != "streamer" or (at and words[at - 1] != "|"):
            continue
        ours = list(words[at + 1 :])
        for end in ("|", ">"):
            ours = ours[: ours.index(end)] if end in ours else ours
        if ours[:1] and ours[0] in ("--install-completion", "--show-completion"):
            continue
        name, *arguments = command_first(commands, ours)
        command = commands.commands[name]
        while hasattr(command, "commands"):
            command, arguments = command.commands[arguments[0]], arguments[1:]
        command.make_context(name, arguments)  # raises for an unknown option


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="needs bash")
@pytest.mark.skipif(not sample_path().is_file(), reason="needs the bundled model")
@pytest.mark.parametrize("line", [line for line in LINES if not line.mark], ids=str)
def test_every_unmarked_command_line_runs_as_it_stands(line: CommandLine, sandbox: Sandbox) -> None:
    for tool in ("jq", "ffmpeg"):
        if tool in line.text and shutil.which(tool) is None:
            pytest.skip(f"needs {tool}")
    if "--loopback" in line.text:
        pytest.skip("needs a sound server with an output")
    if "streamer replay" in line.text:
        pytest.skip("needs a terminal and a loudspeaker")
    done = sandbox.run(line.text)
    words = shlex.split(line.text, comments=True)
    if words[0] == "streamer" and words[1:2] and words[1] in CONTROL:
        assert done.returncode in (0, 1, 130) and done.stderr.count("\n") <= 1, done.stderr
        return
    ended = (0, 130) if any(word in line.text for word in WAITING) else (0,)
    assert done.returncode in ended, done.stderr
    assert "Traceback" not in done.stderr


def test_the_sandbox_can_fail(sandbox: Sandbox, tmp_path: Path) -> None:
    assert sandbox.run("streamer --no-such-option").returncode == 2
