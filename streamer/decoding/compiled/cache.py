"""The user's cache of what is built from a scorer, a lexicon and a recurrent model.

Building takes a second, mapping the result a few milliseconds. Two kinds of files are kept:

    <hash of paths, sizes and times>.key    the name of the content that these files had
    <hash of the content>.arrays            the arrays built from this content

so nothing is hashed as long as path, size and modification time are the same, and nothing is
built again when only these change. The cache is never trusted: its files must belong to the user
and be writable by nobody else, arrays are checked like those of any file, and whatever is wrong
is built again. Without a writable home there is no cache.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import mmap
import os
import stat
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from streamer.arrays import Array
from streamer.decoding.compiled.array_file import pack_arrays, unpack_arrays
from streamer.private_files import (
    is_private,
    is_private_folder,
    make_private_folder,
    mark_used,
    prune_cache,
    user_cache,
    write_private_file,
)
from streamer.untrusted.regular_files import sha256_of

#: Goes up whenever the arrays, or the way they are built, change.
FORMAT = 1

#: Files of arrays kept, and their size together; those not used for longest are removed.
MAX_FILES = 8
MAX_BYTES = 256 << 20
#: Key files kept; each is 64 bytes long.
MAX_KEYS = 64
_KEY, _ARRAYS = ".key", ".arrays"


class CacheEntry:
    """The place in the cache of what is built from some files.

    Args:
        sources: the files.
        parameters: everything else that the arrays depend on, as JSON can express it.
        folder: the cache; the user's if None.
    """

    def __init__(
        self, sources: Sequence[Path], parameters: Any, folder: Path | None = None
    ) -> None:
        self._sources = sources
        self._parameters = parameters
        self._folder = user_cache("decoder") if folder is None else folder
        self._stamps = self._read_stamps()

    def load(self) -> dict[str, Array] | None:
        """Return the arrays, mapped and unchecked; None if there are none or they are damaged."""
        if self._folder is None or self._stamps is None or not is_private_folder(self._folder):
            return None
        key = self._key_file()
        with contextlib.suppress(OSError, ValueError):
            name = bytes(_map(key)).decode("ascii")
            if _is_name(name):
                return self._load(name)
        # Perhaps only path or time have changed.
        if not any(self._folder.glob("*" + _ARRAYS)):
            return None
        with contextlib.suppress(OSError, ValueError):
            name = self._content_name()
            arrays = self._load(name)
            write_private_file(key, name.encode("ascii"))
            return arrays
        return None

    def store(self, arrays: Mapping[str, Array]) -> None:
        """Keep arrays, unless the cache cannot be written or the sources have changed."""
        if self._folder is None or self._stamps is None:
            return
        with contextlib.suppress(OSError):
            make_private_folder(self._folder)
            if not is_private_folder(self._folder):
                return
            name = self._content_name()
            if self._stamps != self._read_stamps():
                return
            write_private_file(self._folder / (name + _ARRAYS), pack_arrays(arrays))
            write_private_file(self._key_file(), name.encode("ascii"))
            _prune(self._folder)

    def _load(self, name: str) -> dict[str, Array]:
        assert self._folder is not None
        path = self._folder / (name + _ARRAYS)
        arrays = unpack_arrays(_map(path))
        mark_used(path)
        return arrays

    def _read_stamps(self) -> list[tuple[str, int, int]] | None:
        """Return path, size and modification time of each source; None if one is missing."""
        try:
            found = [(os.path.abspath(path), os.stat(path)) for path in self._sources]
        except (OSError, ValueError):
            return None
        return [(path, status.st_size, status.st_mtime_ns) for path, status in found]

    def _key_file(self) -> Path:
        assert self._folder is not None
        return self._folder / (self._name(self._stamps) + _KEY)

    def _content_name(self) -> str:
        return self._name([sha256_of(path) for path in self._sources])

    def _name(self, identity: Any) -> str:
        whole = [FORMAT, sys.byteorder, self._parameters, identity]
        return hashlib.sha256(json.dumps(whole, sort_keys=True).encode()).hexdigest()


def _is_name(text: str) -> bool:
    return len(text) == 64 and set(text) <= set("0123456789abcdef")


def _map(path: Path) -> memoryview:
    """Map a file.

    Raises:
        OSError: it cannot be opened.
        ValueError: it is not a file of the user's own, is empty, or is too large.
    """
    flags = os.O_RDONLY
    for name in ("O_BINARY", "O_CLOEXEC", "O_NOFOLLOW", "O_NONBLOCK"):
        flags |= getattr(os, name, 0)
    descriptor = os.open(path, flags)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or not is_private(status):
            raise ValueError("not a file of the user's own")
        if status.st_size > MAX_BYTES:
            raise ValueError("too large")
        return memoryview(mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ))
    finally:
        os.close(descriptor)


def _prune(folder: Path) -> None:
    prune_cache(folder, _KEY, MAX_KEYS)
    prune_cache(folder, _ARRAYS, MAX_FILES, MAX_BYTES)
