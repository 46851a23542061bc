"""Opens files that may be large, damaged or malicious."""

from __future__ import annotations

import mmap
from pathlib import Path

from streamer.errors import ConversionError


class DamagedError(Exception):
    """A file is damaged or of another kind; readers turn this into a ConversionError."""


class FieldLimit:
    """Limits the number of fields read from one file.

    Args:
        fields: the limit. Real graphs have a few thousand; a malicious file
            could have one for every two bytes.
    """

    def __init__(self, fields: int = 200_000) -> None:
        self._left = fields

    def count(self, fields: int = 1) -> None:
        """Count fields before they are read.

        Raises:
            DamagedError: the limit is exceeded.
        """
        self._left -= fields
        if self._left < 0:
            raise DamagedError("it has far more fields than a network")


def map_file(path: Path) -> memoryview:
    """Map a file into memory, read-only, until its last view is released.

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
        raise ConversionError(f"{path} is empty", "download or copy the file again") from error
    except OSError as error:
        raise ConversionError(
            f"{path} cannot be opened: {error.strerror}", "check the file and its permissions"
        ) from error


def damaged_file_error(path: Path, kind: str, reason: object) -> ConversionError:
    """Return the error for a file that cannot be read as its kind."""
    return ConversionError(
        f"{path} cannot be read as {kind}: {reason}",
        "download or copy the file again, or use another one",
    )
