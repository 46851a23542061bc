"""Transcripts in files: where they go, and that what is in them stays there."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Callable

from streamer.errors import OutputError, UsageError
from streamer.events import Final
from streamer.output.edit import Edit
from streamer.output.writers import SUFFIXES, Item, create_writer

#: How recordings end that a folder is searched for.
RECORDING_SUFFIXES = frozenset(
    [".wav", ".flac", ".ogg", ".opus", ".oga", ".mp3", ".aif", ".aiff", ".au", ".caf", ".w64"]
)


class OutputFile:
    """A writer into a file that is written as it goes.

    Each final is on the disk, not only in the system's memory, before `write`
    returns: so a program that is killed, or a machine that loses power, loses
    nothing that was shown.

    Args:
        path: the file; written over where it is there already.
        format: one of `streamer.output.FORMATS`.
        inputs: the recordings, which must not be written over.
        partials, timestamps, flowing, warn: see `create_writer`.

    Raises:
        UsageError: the file is one of the inputs.
        OutputError: the file cannot be opened for writing.
    """

    def __init__(
        self,
        path: Path,
        format: str,
        *,
        inputs: Iterable[Path] = (),
        partials: bool | None = None,
        timestamps: bool = False,
        flowing: bool = False,
        warn: Callable[[str], None] | None = None,
    ) -> None:
        self.path = path
        if any(_same_file(path, given) for given in inputs):
            raise UsageError(
                f"{path} is the recording itself", "name another file for the transcript"
            )
        try:
            self._stream = path.open("w", encoding="utf-8", newline="\n")
        except OSError as error:
            raise _cannot_write(path, error) from error
        self._on_disk = stat.S_ISREG(os.fstat(self._stream.fileno()).st_mode)
        try:
            self._writer = create_writer(
                format,
                self._stream,
                partials=partials,
                timestamps=timestamps,
                flowing=flowing,
                warn=warn,
            )
        except OSError as error:
            self._abandon()
            raise _cannot_write(path, error) from error

    def write(self, item: Item) -> None:
        """Write an event; a final is on the disk when this returns.

        Raises:
            OutputError: the disk is full, the reader of a named pipe has left,
                and so on.
        """
        try:
            self._writer.write(item)
            if isinstance(item, (Final, Edit)):
                self._synchronise()
        except OSError as error:
            self._abandon()
            raise _cannot_write(self.path, error) from error

    def close(self) -> None:
        """Write what is owed and close the file. May be called twice."""
        if self._stream.closed:
            return
        try:
            self._writer.close()
            self._synchronise()
            self._stream.close()
        except OSError as error:
            self._abandon()
            raise _cannot_write(self.path, error) from error

    def _synchronise(self) -> None:
        self._stream.flush()
        if self._on_disk:  # pipes and terminals know no fsync
            os.fsync(self._stream.fileno())

    def _abandon(self) -> None:
        """Close a stream that cannot take what is still buffered, without trying again."""
        try:
            os.close(self._stream.fileno())
        except (OSError, ValueError):
            return
        with contextlib.suppress(OSError):  # the second failure of the same write
            self._stream.close()


def expand_inputs(given: Sequence[Path]) -> list[Path]:
    """Replace each folder by the recordings in it and below it, in order of their names.

    Raises:
        UsageError: a folder holds no recording.
    """
    found: list[Path] = []
    for path in given:
        if not path.is_dir():
            found.append(path)  # a file that is missing is the reader's to report
            continue
        inside = sorted(
            p for p in path.rglob("*") if p.suffix.lower() in RECORDING_SUFFIXES and p.is_file()
        )
        if not inside:
            raise UsageError(
                f"the folder {path} holds no recording", "name a folder with WAV, FLAC, OGG or MP3"
            )
        found.extend(inside)
    return found


def output_paths(folder: Path, inputs: Sequence[Path], format: str) -> list[Path]:
    """Name a file in a folder after each input, with the suffix of the format.

    Inputs that would meet in one file (``a/talk.flac`` and ``b/talk.mp3``, or
    names that differ only in case, which some file systems take for the same)
    get ``talk-2``, ``talk-3`` and so on.

    Raises:
        OutputError: the folder cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"cannot make the folder {folder} ({_reason(error)})", "name another --output-dir"
        ) from error
    taken: set[str] = set()
    paths = []
    for given in inputs:
        stem = given.stem if given.name != "-" else "stdin"
        name, number = stem, 1
        while name.lower() in taken:
            number += 1
            name = f"{stem}-{number}"
        taken.add(name.lower())
        paths.append(folder / (name + SUFFIXES[format]))
    return paths


def _same_file(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:
        return False


def _cannot_write(path: Path, error: OSError) -> OutputError:
    return OutputError(
        f"cannot write {path} ({_reason(error)})",
        "free some room or name another file that may be written",
    )


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
