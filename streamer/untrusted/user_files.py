"""Text and tables that the user wrote: small, UTF-8, and perhaps a pipe as of ``<(grep ...)``."""

from __future__ import annotations

import errno
import os
import stat
import sys
import time
from pathlib import Path
from typing import Any

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

#: A table with every option and its comment has twenty kilobytes.
MAX_CHARACTERS = 1 << 20

#: A named pipe is given this long to get a writer.
_WRITER_SECONDS = 1.0
_POLL_SECONDS = 0.02
_BLOCK_BYTES = 1 << 16
#: Longest character of UTF-8.
_CHARACTER_BYTES = 4


def read_user_text(path: str | Path, max_characters: int = MAX_CHARACTERS) -> str:
    """Return the text of a file, without a byte order mark.

    Raises:
        FileNotFoundError: there is no such file, nor can be one below a file.
        OSError: it cannot be read, is too long, is not UTF-8, or is a pipe to which nobody
            writes; ``strerror`` says so in lower case.
    """
    try:
        data = _read(path, max_characters * _CHARACTER_BYTES + 1)
        text = data.decode("utf-8-sig")
    except NotADirectoryError as error:  # the home of many a daemon is /dev/null
        raise FileNotFoundError(errno.ENOENT, "no such file or directory", path) from error
    except OSError as error:
        raise OSError(error.errno, (error.strerror or str(error)).lower(), path) from error
    except UnicodeDecodeError as error:
        if len(data) <= max_characters * _CHARACTER_BYTES:
            raise OSError(errno.EILSEQ, "it is not UTF-8 text", path) from error
        text = ""
    if (not text and data) or len(text) > max_characters:
        raise OSError(errno.EFBIG, f"it has more than {max_characters:,} characters", path)
    return text


def parse_toml(text: str) -> dict[str, Any]:
    """Parse a table.

    Raises:
        ValueError: it is not valid TOML; says what and where.
    """
    try:
        table: dict[str, Any] = tomllib.loads(text)
        return table
    except RecursionError as error:  # thousands of brackets
        raise ValueError("it is nested too deeply") from error


def _read(path: str | Path, max_bytes: int) -> bytes:
    """Read up to so many bytes, from a pipe only if somebody writes to it."""
    flags = os.O_RDONLY
    for name in ("O_BINARY", "O_CLOEXEC", "O_NONBLOCK", "O_NOCTTY"):
        flags |= getattr(os, name, 0)
    descriptor = os.open(path, flags)
    try:
        data = b""
        if stat.S_ISFIFO(os.fstat(descriptor).st_mode):
            data = _first_bytes(descriptor)
        if os.name == "posix":
            os.set_blocking(descriptor, True)
        while len(data) < max_bytes:
            more = os.read(descriptor, min(max_bytes - len(data), _BLOCK_BYTES))
            if not more:
                break
            data += more
        return data
    finally:
        os.close(descriptor)


def _first_bytes(descriptor: int) -> bytes:
    """Wait for a writer of a pipe; return what it has written, nothing if it only writes later."""
    until = time.monotonic() + _WRITER_SECONDS
    while True:
        try:
            data = os.read(descriptor, _BLOCK_BYTES)
        except BlockingIOError:  # there is a writer
            return b""
        if data:
            return data
        if time.monotonic() >= until:
            raise OSError(errno.EINVAL, "it is a pipe to which nobody writes")
        time.sleep(_POLL_SECONDS)
