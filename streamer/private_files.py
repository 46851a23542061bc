"""Files and folders that only their owner can read, for what streamer puts somewhere by itself.

Where the user names the place (``--output``, ``--output-dir``), the umask decides instead.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import tempfile
import time
from pathlib import Path

#: Read and write for the owner, nothing for others.
FILE_MODE = 0o600
FOLDER_MODE = 0o700
#: End of the name of a file that is being written.
UNFINISHED = ".part"
#: Something unfinished that is older was left behind by a process that ended, in seconds.
_ABANDONED_S = 3600.0
#: The time of use is written again after this many seconds.
_USED_S = 24 * 3600.0
#: Mode bits of group and others that allow writing.
_SHARED_WRITE = stat.S_IWGRP | stat.S_IWOTH


def private_opener(name: str, flags: int) -> int:
    """Open a file; one that this creates is private: ``open(path, "x", opener=private_opener)``."""
    return os.open(name, flags, FILE_MODE)


def make_private_folder(folder: Path) -> None:
    """Create a folder and those above it, all private; one that exists keeps its mode.

    Raises:
        OSError: it cannot be created, or is a file.
    """
    if not folder.is_dir():
        if folder.parent != folder:
            make_private_folder(folder.parent)
        folder.mkdir(mode=FOLDER_MODE, exist_ok=True)


def write_private_file(path: Path, data: bytes) -> None:
    """Write a file for its owner only, whole or not at all; its folder must exist.

    Raises:
        OSError: it cannot be written.
    """
    descriptor, unfinished = tempfile.mkstemp(
        prefix=path.name[:32], suffix=UNFINISHED, dir=path.parent
    )
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        os.replace(unfinished, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(unfinished)
        raise


def user_cache(name: str) -> Path | None:
    """Return a folder in the user's cache; None for a user without a home."""
    import platformdirs

    try:
        folder = platformdirs.user_cache_path("streamer", appauthor=False)
    except (OSError, RuntimeError):
        return None
    return Path(os.fspath(folder)) / name


def mark_used(path: Path) -> None:
    """Note, once a day, that a file or folder of a cache is in use; see `prune_cache`."""
    with contextlib.suppress(OSError):
        if time.time() - path.stat().st_mtime > _USED_S:
            os.utime(path)


def prune_cache(folder: Path, suffix: str, most: int, most_bytes: int | None = None) -> None:
    """Remove what a cache has not used for longest, and what ended processes left unfinished.

    Args:
        folder: the cache.
        suffix: end of the names of its entries, which are files or folders.
        most: entries to keep, at least 1.
        most_bytes: their size together; the newest one stays whatever its size.
    """
    now = time.time()
    for _, path in _newest(folder, UNFINISHED):
        with contextlib.suppress(OSError):
            if now - path.lstat().st_mtime > _ABANDONED_S:
                _remove(path)
    total = 0
    for rank, (_, path) in enumerate(_newest(folder, suffix)):
        total += 0 if most_bytes is None else _size(path)
        if rank and (rank >= most or (most_bytes is not None and total > most_bytes)):
            _remove(path)


def _newest(folder: Path, suffix: str) -> list[tuple[float, Path]]:
    found = []
    for path in folder.glob("*" + suffix):
        with contextlib.suppress(OSError):  # another process has removed it
            found.append((path.lstat().st_mtime, path))
    return sorted(found, reverse=True)


def _size(path: Path) -> int:
    """Return the size of a file, or of all files in a folder; links count as themselves."""
    total = 0
    for file in [path, *path.rglob("*")]:
        with contextlib.suppress(OSError):
            total += file.lstat().st_size
    return total


def _remove(path: Path) -> None:
    """Remove a file or a folder; a folder is renamed first, so that nobody finds half of it."""
    with contextlib.suppress(OSError):
        if path.is_symlink() or not path.is_dir():
            path.unlink()
            return
        if not path.name.endswith(UNFINISHED):
            away = path.with_name(path.name + UNFINISHED)
            path.rename(away)
            path = away
        shutil.rmtree(path, ignore_errors=True)


def is_private(status: os.stat_result) -> bool:
    """Whether a file or folder is the user's own and nobody else can write to it."""
    if not hasattr(os, "geteuid"):  # Windows has no such modes
        return True
    return status.st_uid == os.geteuid() and not status.st_mode & _SHARED_WRITE


def is_private_folder(folder: Path) -> bool:
    """Whether a path is a folder, not a link to one, that `is_private`."""
    try:
        status = os.lstat(folder)
    except (OSError, ValueError):
        return False
    return stat.S_ISDIR(status.st_mode) and is_private(status)
