"""SHA-256 of a bundle's files: recorded in ``model.json``, checked when a file is used.

Up to `SMALL_BYTES` a file is checked at each use. A larger one is checked once and then again
whenever its size, a time or its place on the disk has changed; that it was checked is kept in the
user's cache, as an empty file named after all of these.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from streamer.bundle.validation import DESCRIPTION_FILE
from streamer.errors import ModelError
from streamer.private_files import (
    is_private_folder,
    make_private_folder,
    user_cache,
    write_private_file,
)
from streamer.untrusted.regular_files import sha256_of

if TYPE_CHECKING:
    from streamer.bundle.format import Bundle

#: Files up to this size are hashed each time, which takes a fraction of a millisecond.
SMALL_BYTES = 64 << 10
#: Files that are remembered as checked.
_MAX_CHECKED = 256


def sums_of(folder: Path, paths: Iterable[Path]) -> dict[str, str]:
    """Return the SHA-256 of files in hexadecimal, by their names in the bundle.

    Args:
        folder: the bundle's folder.
        paths: files and packages (folders) in it.

    Raises:
        OSError: one cannot be read.
    """
    return {name: sha256_of(file) for name, file in sorted(set(_named(folder, paths)))}


def check_sums(bundle: Bundle, paths: Iterable[Path], cache: Path | None = None) -> None:
    """Check files against the sums of their bundle; those without one are not checked.

    Args:
        bundle: the bundle.
        paths: files and packages in it.
        cache: folder of what was checked; the user's cache if None.

    Raises:
        ModelError: a file differs from its sum, or cannot be read.
    """
    if not bundle.sums:
        return
    checked = user_cache("checked") if cache is None else cache
    for name, file in sorted(set(_named(bundle.folder, paths))):
        expected = bundle.sums.get(name)
        if expected is None:
            continue
        try:
            status = file.stat()
            mark = None
            if status.st_size > SMALL_BYTES and checked is not None:
                mark = checked / _mark_name(file, status, expected)
                if mark.is_file() and is_private_folder(checked):
                    continue
            found = sha256_of(file)
        except OSError as error:
            raise ModelError(
                f"{file} cannot be read: {error.strerror}", "install the model again"
            ) from error
        if found != expected:
            raise ModelError(
                f"{file} has the SHA-256 {found[:16]}..., {DESCRIPTION_FILE} says"
                f" {expected[:16]}...",
                "install the model again; if the file was changed on purpose, remove its entry"
                f" from sha256 in {DESCRIPTION_FILE}",
            )
        if mark is not None:
            _remember(mark)


def _named(folder: Path, paths: Iterable[Path]) -> Iterator[tuple[str, Path]]:
    for path in paths:
        inside = [file for file in path.rglob("*") if file.is_file()] if path.is_dir() else [path]
        for file in inside:
            yield file.relative_to(folder).as_posix(), file


def _mark_name(file: Path, status: os.stat_result, expected: str) -> str:
    identity = [
        os.path.abspath(file), status.st_size, status.st_mtime_ns, status.st_ctime_ns,
        status.st_ino, expected,
    ]  # fmt: skip
    return hashlib.sha256(json.dumps(identity).encode()).hexdigest()


def _remember(mark: Path) -> None:
    """Keep that a file was checked; without a place for that it is checked again."""
    with contextlib.suppress(OSError):
        make_private_folder(mark.parent)
        write_private_file(mark, b"")
        marks = sorted(mark.parent.iterdir(), key=lambda each: each.stat().st_mtime)
        for old in marks[:-_MAX_CHECKED]:
            old.unlink()
