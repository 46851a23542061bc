"""Transcripts in files: names, and writing that survives a crash."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Callable, TextIO, cast

from streamer.errors import OutputError, UsageError, system_reason
from streamer.events import Close, Final
from streamer.output.edit import Edit
from streamer.output.streams import ReaderStalledError, open_named_pipe
from streamer.output.writers import SUFFIXES, Item, create_writer

#: Suffixes of the recordings to look for in a folder.
RECORDING_SUFFIXES = frozenset(
    [".wav", ".flac", ".ogg", ".opus", ".oga", ".mp3", ".aif", ".aiff", ".au", ".caf", ".w64",
     # Those that ffmpeg decodes.
     ".m4a", ".m4b", ".mp4", ".m4v", ".mov", ".3gp", ".webm", ".mkv", ".mka", ".aac", ".ac3",
     ".wma", ".wmv", ".asf", ".amr", ".avi", ".ts", ".flv", ".wv", ".ape", ".mpg", ".mpeg"]
)  # fmt: skip

#: What to do about a file that cannot be written, by error number.
_CURES = {
    errno.EISDIR: "name a file in it",
    errno.ENOENT: "create its folder first, or name another file",
    errno.ENOTDIR: "name another file",
    errno.EACCES: "check its permissions, or name another file",
    errno.ENAMETOOLONG: "give it a shorter name",
}
_ANY_CURE = "free some space, or name another file"

#: Skipped files that are named; the others are counted.
_NAMED = 3


class OutputFile:
    """A writer to a file, event by event.

    Each final is on the disk, not only in the system's cache, before `write`
    returns, so neither a killed program nor a power failure loses anything that
    was shown.

    Args:
        path: the file; overwritten if it exists.
        format: one of `streamer.output.FORMATS`.
        inputs: the recordings, which must not be overwritten.
        partials, timestamps, flowing, marks, warn: see `create_writer`.
        ending: whether the program shall end; the reader of a named pipe is not waited for
            then. None to wait as long as it takes.

    Raises:
        UsageError: the file is one of the inputs.
        OutputError: the file cannot be opened for writing.
        ReaderStalledError: nobody reads a named pipe, and the program shall end.
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
        marks: bool = True,
        warn: Callable[[str], None] | None = None,
        ending: Callable[[], bool] | None = None,
    ) -> None:
        self.path = path
        if any(_same_file(path, given) for given in inputs):
            raise UsageError(
                f"{path} is the recording itself", "name another file for the transcript"
            )
        try:
            self._stream = _opened(path, ending)
        except ReaderStalledError:
            raise
        except OSError as error:
            raise _cannot_write(path, error) from error
        self._on_disk = stat.S_ISREG(os.fstat(self._stream.fileno()).st_mode)
        with self._explained():
            self._writer = create_writer(
                format,
                self._stream,
                partials=partials,
                timestamps=timestamps,
                flowing=flowing,
                marks=marks,
                appending=True,
                warn=warn,
            )

    def write(self, item: Item) -> None:
        """Write an event; a final is on the disk when this returns.

        Raises:
            OutputError: the file cannot be written, for example because the disk
                is full or the reader of a named pipe has closed it.
            ReaderStalledError: the reader of a named pipe takes nothing, and the program shall end.
        """
        with self._explained():
            self._writer.write(item)
            if isinstance(item, (Final, Close, Edit)):
                self._synchronise()

    @property
    def finals_waiting(self) -> int:
        """How many of the last finals have not been written in full."""
        return self._writer.finals_waiting

    def begin_file(self, name: str) -> None:
        """Begin one of several recordings; see `Writer.begin_file`.

        Raises:
            OutputError, ReaderStalledError: see `write`.
        """
        with self._explained():
            self._writer.begin_file(name)

    def close(self) -> None:
        """Finish and close the file. May be called twice."""
        if self._stream.closed:
            return
        with self._explained():
            self._writer.close()
            self._synchronise()
            self._stream.close()

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        """Give the file up at a failure, and name it."""
        try:
            yield
        except OSError as error:
            self._abandon()
            if isinstance(error, ReaderStalledError):
                raise
            raise _cannot_write(self.path, error) from error

    def _synchronise(self) -> None:
        self._stream.flush()
        if self._on_disk:  # pipes and terminals do not support fsync
            os.fsync(self._stream.fileno())

    def _abandon(self) -> None:
        """Close a stream without another attempt to write what is still buffered."""
        try:
            os.close(self._stream.fileno())
        except (OSError, ValueError):
            return
        with contextlib.suppress(OSError):  # the same write fails again
            self._stream.close()


def _opened(path: Path, ending: Callable[[], bool] | None) -> TextIO:
    if ending is not None and os.name == "posix" and path.is_fifo():
        return cast(TextIO, open_named_pipe(path, ending))
    return path.open("w", encoding="utf-8", newline="\n")


def expand_inputs(
    given: Sequence[Path],
    say: Callable[[str], None] | None = None,
    fail: Callable[[str], None] | None = None,
) -> list[Path]:
    """Replace each folder by the recordings in it and below it, sorted by name.

    Args:
        given: files and folders.
        say: called with a line about the files of a folder that were skipped.
        fail: called with an error for each folder that cannot be read.

    Raises:
        UsageError: a folder contains no recording.
    """
    found: list[Path] = []
    for path in given:
        if not path.is_dir():
            found.append(path)  # whoever reads it reports a missing file
            continue
        inside, skipped, unread = _search(path)
        if not inside and not unread:
            raise UsageError(
                f"the folder {path} contains no recording",
                "name a folder with WAV, FLAC, OGG or MP3",
            )
        if skipped and say is not None:
            count = "1 file" if len(skipped) == 1 else f"{len(skipped)} files"
            names = ", ".join(each.name for each in skipped[:_NAMED])
            more = ", ..." if len(skipped) > _NAMED else ""
            say(f"skipped {count} in {path}, no recordings by name: {names}{more}")
        if fail is not None:
            for folder, reason in unread:
                fail(f"the folder {folder} cannot be read ({reason}) - check its permissions")
        found.extend(inside)
    return found


def _search(folder: Path) -> tuple[list[Path], list[Path], list[tuple[str, str]]]:
    """Return recordings, other files, and folders that cannot be read with the reason."""
    inside: list[Path] = []
    skipped: list[Path] = []
    unread: list[tuple[str, str]] = []

    def note(error: OSError) -> None:
        unread.append((str(error.filename), system_reason(error)))

    for parent, _, names in os.walk(folder, onerror=note):
        for name in names:
            path = Path(parent, name)
            if name.startswith("."):
                continue  # of the system: .DS_Store, ._talk.wav
            known = path.suffix.lower() in RECORDING_SUFFIXES
            (inside if known and path.is_file() else skipped).append(path)
    return sorted(inside), sorted(skipped), unread


def output_paths(folder: Path, inputs: Sequence[Path], format: str) -> list[Path]:
    """Create a folder and name a file in it after each input, with the format's suffix.

    Names that would collide (``a/talk.flac`` and ``b/talk.mp3``, or names that
    differ only in case, which some file systems treat as equal) become
    ``talk-2``, ``talk-3`` and so on.

    Raises:
        OutputError: the folder cannot be created.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"cannot create the folder {folder} ({system_reason(error)})",
            "name another --output-dir",
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
        f"cannot write {path} ({system_reason(error)})", _CURES.get(error.errno or 0, _ANY_CURE)
    )
