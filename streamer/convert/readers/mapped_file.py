"""Opening files that may be large, damaged or hostile."""

from __future__ import annotations

import mmap
from pathlib import Path

from streamer.errors import ConversionError


class DamagedError(Exception):
    """A file is not what it seems to be; readers turn it into a ConversionError."""


class FieldLimit:
    """Bounds the work that one file may cause, however it is made.

    Args:
        fields: how many parts of a file may be looked at. Real graphs have
            some thousands; a hostile file could have one for every two bytes.
    """

    def __init__(self, fields: int = 200_000) -> None:
        self._left = fields

    def count(self, fields: int = 1) -> None:
        """Count parts that are about to be looked at.

        Raises:
            DamagedError: there are too many.
        """
        self._left -= fields
        if self._left < 0:
            raise DamagedError("it has far more parts than any network")


def map_file(path: Path) -> memoryview:
    """Map a file into memory, read-only; it is released with its last view.

    Args:
        path: the file.

    Raises:
        ConversionError: it is missing, empty or cannot be opened.
    """
    if not path.is_file():
        what = f"{path} is a folder" if path.is_dir() else f"no such file: {path}"
        raise ConversionError(what, "give the file of a DeepSpeech network")
    try:
        with path.open("rb") as file:
            return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    except ValueError as error:  # mmap refuses empty files
        raise ConversionError(f"{path} is empty", "fetch or copy the file again") from error
    except OSError as error:
        raise ConversionError(
            f"{path} cannot be opened: {error.strerror}", "check the file and its permissions"
        ) from error


def damaged_file_error(path: Path, kind: str, reason: object) -> ConversionError:
    """Make the error for a file that is not what it should be."""
    return ConversionError(
        f"{path} is not {kind} that can be read: {reason}",
        "fetch or copy the file again, or give another one",
    )
