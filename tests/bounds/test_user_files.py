"""Text and tables that the user wrote: whatever lies there instead is one line of error."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from streamer.decoding.user_words import read_user_words
from streamer.dictation import load_commands
from streamer.errors import UsageError
from streamer.text.replacements import load_replacements
from streamer.untrusted import user_files
from streamer.untrusted.user_files import MAX_CHARACTERS, read_user_text

READERS: dict[str, Callable[[Path], Any]] = {
    "names.txt": read_user_words,
    "replacements.toml": lambda path: load_replacements(path.parent).table,
    "commands.toml": lambda path: load_commands(path.parent),
}
needs_pipes = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")


@pytest.fixture(autouse=True)
def nobody_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(user_files, "_WRITER_SECONDS", 0.0)


@pytest.fixture(params=READERS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@needs_pipes
def test_a_pipe_without_a_writer_does_not_hang(name: str, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / name)
    with pytest.raises(UsageError, match="a pipe to which nobody writes"):
        READERS[name](tmp_path / name)


def test_a_folder_is_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / name).mkdir()
    with pytest.raises(UsageError, match=r"\((is a directory|permission denied)\)"):
        READERS[name](tmp_path / name)


def test_bytes_that_are_no_text_are_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"caf\xe9")
    with pytest.raises(UsageError, match=r"\(it is not UTF-8 text\)"):
        READERS[name](tmp_path / name)


@pytest.mark.skipif(not os.path.exists("/dev/zero"), reason="needs /dev/zero")
def test_an_endless_file_is_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / name).symlink_to("/dev/zero")
    with pytest.raises(UsageError, match=f"more than {MAX_CHARACTERS:,} characters"):
        READERS[name](tmp_path / name)


def test_a_byte_order_mark_is_no_part_of_the_text(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"\xef\xbb\xbf# nothing\n")
    READERS[name](tmp_path / name)


@pytest.mark.parametrize("name", ["replacements.toml", "commands.toml"])
def test_too_many_brackets_are_one_line(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text("a = " + "[" * 100_000)
    with pytest.raises(UsageError, match="nested too deeply"):
        READERS[name](tmp_path / name)


@pytest.mark.parametrize("name", ["replacements.toml", "commands.toml"])
def test_below_a_file_there_is_no_table(name: str, tmp_path: Path) -> None:
    (tmp_path / "home").write_text("")
    READERS[name](tmp_path / "home" / name)


@pytest.mark.parametrize("n_bytes", [-1, 0, 1])
def test_the_longest_text_may_end_within_a_character_of_the_limit(
    n_bytes: int, tmp_path: Path
) -> None:
    path = tmp_path / "text"
    path.write_bytes("\U0001f600".encode() * 10 + b"a" * n_bytes)
    if n_bytes > 0:
        with pytest.raises(OSError, match="more than 10 characters"):
            read_user_text(path, 10)
    else:
        assert read_user_text(path, 10) == "\U0001f600" * 10


@needs_pipes
def test_a_pipe_is_read_to_the_end_however_late_its_words_come(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(user_files, "_WRITER_SECONDS", 60.0)
    path = tmp_path / "words"
    os.mkfifo(path)

    def write() -> None:
        with open(path, "w") as pipe:
            for word in ("lakshmi", "billy=3"):
                pipe.write(word + "\n")
                pipe.flush()

    writer = threading.Thread(target=write, daemon=True)
    writer.start()
    assert [word.word for word in read_user_words(path)] == ["lakshmi", "billy"]
    writer.join()
