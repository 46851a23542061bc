"""What earlier runs have transcribed, in a file beside the transcripts.

A recording is done if it has not changed since, the settings are the same, and its transcript is
there. The file is JSON lines, one a recording.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from typing import Callable

from streamer.archive.storage import Folder, Recording

#: Folder for the manifest and unfinished work, within that of the transcripts.
STATE = ".streamer"
MANIFEST = f"{STATE}/manifest.jsonl"

#: The manifest is written at most once in this time, ...
_WRITE_EVERY_S = 1.0
#: ... and writing takes no more than this share of the time.
_WRITE_SHARE = 0.05


@dataclass(frozen=True)
class Entry:
    """A recording that has been transcribed.

    Attributes:
        url: its address.
        size: in bytes, then.
        stamp: see `Recording`.
        settings: digest of all settings that decide what the transcript is.
        output: name of the transcript.
        seconds: length of the recording.
    """

    url: str
    size: int
    stamp: str
    settings: str
    output: str
    seconds: float


class Manifest:
    """The manifest of a folder.

    Args:
        folder: that of the transcripts.
        clock: monotonic, in seconds.

    Raises:
        OutputError: the folder cannot be read.
    """

    def __init__(self, folder: Folder, clock: Callable[[], float] = time.monotonic) -> None:
        self._folder = folder
        self._clock = clock
        self._due = 0.0
        self._unwritten = False
        self._entries: dict[str, Entry] = {}
        for line in (folder.read(MANIFEST) or b"").decode("utf-8", "replace").splitlines():
            entry = _parse(line)
            if entry is not None:
                self._entries[entry.url] = entry

    def outputs(self) -> dict[str, str]:
        """Return the names of transcripts by the address of their recording."""
        return {url: entry.output for url, entry in self._entries.items()}

    def done(self, recordings: Iterable[Recording], settings: str) -> set[str]:
        """Return the addresses of recordings that need not be transcribed again.

        Args:
            recordings: as they are now.
            settings: digest of the settings of now.

        Raises:
            OutputError: the folder cannot be read.
        """
        there = self._folder.names()
        found = set()
        for each in recordings:
            entry = self._entries.get(each.url)
            if (
                entry is not None
                and (entry.size, entry.stamp) == (each.size, each.stamp)
                and entry.settings == settings
                and entry.output in there
            ):
                found.add(each.url)
        return found

    def add(self, entry: Entry) -> None:
        """Note that a recording is done; its transcript must have been written.

        Raises:
            OutputError: the manifest cannot be written.
        """
        self._entries[entry.url] = entry
        self._unwritten = True
        if self._clock() >= self._due:
            self.write()

    def write(self, *, always: bool = False) -> None:
        """Write what has been added since.

        Args:
            always: even if that is nothing, to know whether the folder can be written.

        Raises:
            OutputError: the manifest cannot be written.
        """
        if not self._unwritten and not always:
            return
        begin = self._clock()
        lines = [json.dumps(asdict(entry)) + "\n" for _, entry in sorted(self._entries.items())]
        self._folder.write(MANIFEST, "".join(lines).encode("ascii"))
        self._unwritten = False
        end = self._clock()
        self._due = end + max(_WRITE_EVERY_S, (end - begin) / _WRITE_SHARE)


def _parse(line: str) -> Entry | None:
    """Return the entry in a line; None if it is not one."""
    kinds: dict[str, tuple[type, ...]] = {"size": (int,), "seconds": (int, float)}
    try:
        content = json.loads(line)
        values = {field.name: content[field.name] for field in fields(Entry)}
    except (ValueError, TypeError, KeyError):
        return None
    if not all(isinstance(value, kinds.get(name, (str,))) for name, value in values.items()):
        return None
    return Entry(**values)
