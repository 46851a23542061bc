"""Opens regular files only: a pipe would block, a device never end, a socket cannot be read."""

from __future__ import annotations

import errno
import hashlib
import mmap
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

#: What is said of anything else.
_NOT_REGULAR = "not a regular file"
#: Bytes hashed at once.
_BLOCK_BYTES = 1 << 20


def open_regular(path: str | Path) -> BinaryIO:
    """Open a file to be read in binary; never blocks.

    Raises:
        OSError: it cannot be opened, or is a pipe, a device, a socket or a folder.
    """
    flags = os.O_RDONLY
    for name in ("O_BINARY", "O_CLOEXEC", "O_NONBLOCK", "O_NOCTTY"):
        flags |= getattr(os, name, 0)
    # Opening a device may already do something: look before, and again at what was opened.
    require_regular(path)
    descriptor = os.open(path, flags)
    try:
        _require_regular(os.fstat(descriptor), path)
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def require_regular(path: str | Path) -> None:
    """Check a file before a library opens it by name, which would wait for a pipe.

    Raises:
        OSError: it does not exist, or is a pipe, a device, a socket or a folder.
    """
    _require_regular(os.stat(path), path)


def _require_regular(status: os.stat_result, path: str | Path) -> None:
    if not stat.S_ISREG(status.st_mode):
        number = errno.EISDIR if stat.S_ISDIR(status.st_mode) else errno.EINVAL
        text = "it is a folder" if number == errno.EISDIR else _NOT_REGULAR
        raise OSError(number, text, os.fspath(path))


def read_regular(path: str | Path, most: int) -> bytes:
    """Return the contents of a file.

    Args:
        path: the file.
        most: its maximum size in bytes.

    Raises:
        OSError: it cannot be read, is not a regular file, or is larger.
    """
    with open_regular(path) as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise OSError(errno.EFBIG, f"it is larger than {most:,} bytes", os.fspath(path))
    return data


def walk_files(folder: Path) -> Iterator[Path]:
    """Yield what is in a folder and those below it, other than folders; no link is followed.

    Links to folders are yielded too: whoever trusts a folder must see them.
    """
    for where, folders, names in os.walk(folder):
        links = [name for name in folders if Path(where, name).is_symlink()]
        yield from (Path(where, name) for name in names + links)


def sha256_of(path: str | Path) -> str:
    """Return the SHA-256 of a file in hexadecimal.

    Raises:
        OSError: it cannot be read, or is not a regular file.
    """
    return _digest_of(path, hashlib.sha256())


def md5_of(path: str | Path) -> str:
    """Return the MD5 of a file in hexadecimal: it tells a damaged file, not a forged one.

    Raises:
        OSError: it cannot be read, or is not a regular file.
    """
    return _digest_of(path, hashlib.md5(usedforsecurity=False))


def _digest_of(path: str | Path, digest: Any) -> str:
    with open_regular(path) as file:
        for block in iter(lambda: file.read(_BLOCK_BYTES), b""):
            digest.update(block)
    return str(digest.hexdigest())


def map_regular(path: str | Path) -> memoryview:
    """Map a file into memory, read-only, until its last view is released.

    Raises:
        OSError: it cannot be opened, or is not a regular file.
        ValueError: it is empty.
    """
    with open_regular(path) as file:
        return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
