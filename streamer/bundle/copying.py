"""Copies a bundle's folder: regular files only, nothing through a link that leaves it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from streamer.errors import ModelError
from streamer.untrusted.regular_files import open_regular, walk_files

#: Files of one bundle; a Core ML package has a few.
_MAX_FILES = 4096
#: Bytes copied at once.
_COPY_BYTES = 1 << 20


def copy_bundle(source: Path, target: Path) -> None:
    """Copy a folder; links to files within it are copied as these files.

    Args:
        source: the bundle's folder.
        target: the new folder, which must not exist.

    Raises:
        ModelError: there is something else in it, or no room for it. What was copied is left.
    """
    try:
        files = list(_files(source))
        needed = sum(path.stat().st_size for path in files)
        free = shutil.disk_usage(target.parent).free
        if needed > free:
            raise ModelError(
                f"{source} has {needed / 1e6:,.0f} MB, {free / 1e6:,.0f} MB are free",
                "free some space",
            )
        for path in files:
            copy = target / path.relative_to(source)
            copy.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            _copy(path, copy)
    except OSError as error:
        raise ModelError(
            f"{error.filename or source} cannot be copied: {error.strerror}",
            "free some space, or check its permissions",
        ) from error


def _files(source: Path) -> Iterator[Path]:
    root = source.resolve()
    for found, path in enumerate(walk_files(source), 1):
        if found > _MAX_FILES:
            raise ModelError(f"{source} has more than {_MAX_FILES:,} files", "remove some")
        try:
            inside = root in path.resolve().parents
        except RuntimeError:  # a loop of links
            inside = False
        if not inside or not path.is_file():
            what = "is not a regular file" if inside else "is a link out of the folder"
            raise ModelError(f"{path} {what}", "remove it from the model's folder")
        yield path


def _copy(path: Path, copy: Path) -> None:
    with open_regular(path) as source, copy.open("xb") as target:
        # Not more than was counted, should it grow meanwhile.
        left = os.fstat(source.fileno()).st_size
        while left > 0:
            block = source.read(min(left, _COPY_BYTES))
            if not block:
                break
            target.write(block)
            left -= len(block)
