"""``--type`` asks once before keys go to other windows."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest

from streamer.cli.support.typing_permission import question, require_permission
from streamer.errors import UsageError


class Terminal(io.StringIO):
    """A terminal on which a user has typed."""

    def isatty(self) -> bool:
        return True


def ask(folder: Path, answer: str, enter: bool = True, program: str | None = "firefox") -> str:
    """Return what was shown."""
    screen = Terminal()
    require_permission(False, enter, lambda: program, folder, Terminal(answer), screen)
    return screen.getvalue()


def test_a_yes_is_remembered(tmp_path: Path) -> None:
    folder = tmp_path / "state" / "streamer"
    assert "now: firefox" in ask(folder, "y\n")
    assert ask(folder, "") == ""


@pytest.mark.skipif(os.name == "nt", reason="Windows has no modes of files")
def test_the_memory_is_private(tmp_path: Path) -> None:
    ask(tmp_path / "state", "yes\n")
    (file,) = (tmp_path / "state").iterdir()
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)


@pytest.mark.parametrize("answer", ["n\n", "\n", "", "yesterday\n", "ney\n"])
def test_anything_else_is_a_no_and_is_asked_again(answer: str, tmp_path: Path) -> None:
    for _ in range(2):
        with pytest.raises(UsageError, match="not allowed"):
            ask(tmp_path, answer)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("terminals", [(False, True), (True, False), (False, False)])
def test_without_a_user_at_the_terminal_it_takes_an_option(
    terminals: tuple[bool, bool], tmp_path: Path
) -> None:
    answers, questions = ((Terminal if each else io.StringIO)("y\n") for each in terminals)
    with pytest.raises(UsageError, match="--allow-typing"):
        require_permission(False, True, lambda: None, tmp_path, answers, questions)
    require_permission(True, True, lambda: None, tmp_path, answers, questions)
    assert list(tmp_path.iterdir()) == []


def test_the_question_says_what_new_line_does() -> None:
    assert "presses Enter" in question(True, None) and "--no-enter" in question(True, None)
    assert "presses Enter" not in question(False, None)
    assert "now:" not in question(True, None)


def test_an_answer_that_cannot_be_remembered_counts_all_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    ask(tmp_path / "file" / "state", "y\n")
    assert "cannot be remembered" in capsys.readouterr().err
