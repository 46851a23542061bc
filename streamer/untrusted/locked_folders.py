"""Folders that one process works in at a time, and that are not left behind.

A folder in use is locked (flock), which ends with its process, however that ends. Windows has no
such locks: there nothing waits, and a folder counts as left behind after a day.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Callable

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

#: What `tempfile.mkdtemp` appends to a prefix.
_RANDOM_PART = "[a-z0-9_]{8}"
#: Without locks, an older folder was left behind, in seconds.
_ABANDONED_S = 24 * 3600.0


@contextlib.contextmanager
def locked_folder(folder: Path, on_wait: Callable[[], None] = lambda: None) -> Iterator[Path]:
    """Create a private folder if necessary and keep other processes out of it.

    Args:
        folder: the folder; it may be removed while it is locked.
        on_wait: called once if another process works in it, before waiting for it.

    Raises:
        OSError: it cannot be created.
    """
    while True:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            descriptor = _open(folder)
        except FileNotFoundError:  # removed by another process
            continue
        if descriptor is None:
            yield folder
            return
        try:
            if not _lock(descriptor, wait=False):
                on_wait()
                on_wait = _nothing
                _lock(descriptor, wait=True)
            # Whoever had it may have removed it, and somebody else made another.
            if _is_same(descriptor, folder):
                yield folder
                return
        finally:
            os.close(descriptor)


@contextlib.contextmanager
def work_folder(parent: Path, prefix: str) -> Iterator[Path]:
    """Yield a new private folder, which is removed in the end.

    Those that earlier processes left behind are removed first.

    Args:
        parent: where it is created; must exist.
        prefix: beginning of its name, and of those of the others.

    Raises:
        OSError: it cannot be created.
    """
    sweep(parent, prefix)
    # Another process may sweep it before it is locked; then it is created again.
    with locked_folder(Path(tempfile.mkdtemp(dir=parent, prefix=prefix))) as folder:
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def sweep(parent: Path, prefix: str) -> None:
    """Remove what earlier processes left behind: folders that no process works in.

    Args:
        parent: the folder that they are in.
        prefix: the name of a folder, or the beginning of those of `work_folder`.
    """
    names = re.compile(re.escape(prefix) + f"({_RANDOM_PART})?")
    for folder in sorted(parent.iterdir()):
        if not names.fullmatch(folder.name) or folder.is_symlink() or not folder.is_dir():
            continue
        descriptor = None
        try:
            descriptor = _open(folder)
            if descriptor is None:
                abandoned = time.time() - folder.stat().st_mtime > _ABANDONED_S
            else:
                abandoned = _lock(descriptor, wait=False)
            if abandoned:
                shutil.rmtree(folder, ignore_errors=True)
        except OSError:  # removed by another process, or not ours
            pass
        finally:
            if descriptor is not None:
                os.close(descriptor)


def _nothing() -> None: ...


def _open(folder: Path) -> int | None:
    """Return a descriptor of a folder; None where folders cannot be locked."""
    if fcntl is None:
        return None
    return os.open(folder, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))


def _lock(descriptor: int, wait: bool) -> bool:
    """Lock a folder; False if another process has it. A file system without locks has none."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


def _is_same(descriptor: int, folder: Path) -> bool:
    try:
        here, there = os.fstat(descriptor), os.stat(folder)
    except OSError:
        return False
    return (here.st_dev, here.st_ino) == (there.st_dev, there.st_ino)
