"""Fills a folder all at once: a failed conversion leaves nothing behind."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from streamer.bundle import DESCRIPTION_FILE
from streamer.errors import ConversionError
from streamer.untrusted.locked_folders import work_folder


@contextlib.contextmanager
def staged_folder(folder: str | Path) -> Iterator[Path]:
    """Yield a temporary folder whose files move to ``folder`` if no error is raised.

    ``model.json`` moves last, so that the bundle is complete once it is there.

    Args:
        folder: created if it does not exist; files of the same names are replaced.

    Raises:
        ConversionError: the folder cannot be written to.
    """
    target = Path(folder)
    is_new = not target.exists()
    with contextlib.ExitStack() as stack:
        try:
            target.mkdir(parents=True, exist_ok=True)
            staged = stack.enter_context(work_folder(target, ".streamer-new-"))
        except OSError as error:
            raise ConversionError(
                f"cannot write to {target}: {error.strerror}", "choose another folder"
            ) from error
        try:
            yield staged
            for entry in sorted(staged.iterdir(), key=lambda e: e.name == DESCRIPTION_FILE):
                _move(entry, target / entry.name)
        except BaseException:
            if is_new:
                shutil.rmtree(target, ignore_errors=True)
            raise


def _move(entry: Path, target: Path) -> None:
    if target.is_dir() and not target.is_symlink():
        shutil.rmtree(target)
    os.replace(entry, target)


def link_or_copy(source: Path, target: Path) -> None:
    """Make a file available under another name."""
    # A scorer can have a gigabyte: a hard link saves the copy if the file system allows it.
    try:
        os.link(source.resolve(), target)
    except OSError:
        shutil.copyfile(source, target)
