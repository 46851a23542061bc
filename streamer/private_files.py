"""Files and folders that only their owner can read, for what streamer puts somewhere by itself.

Where the user names the place (``--output``, ``--output-dir``), the umask decides instead.
"""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from pathlib import Path

#: Read and write for the owner, nothing for others.
FILE_MODE = 0o600
FOLDER_MODE = 0o700
#: End of the name of a file that is being written.
UNFINISHED = ".part"
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
