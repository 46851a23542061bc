"""Maps the files of networks, which may be large, damaged or malicious."""

from __future__ import annotations

from pathlib import Path

from streamer.errors import ConversionError
from streamer.untrusted.regular_files import map_regular


def map_file(path: Path) -> memoryview:
    """Map a file into memory, read-only, until its last view is released.

    Args:
        path: the file.

    Raises:
        ConversionError: it is missing, empty or cannot be opened.
    """
    try:
        return map_regular(path)
    except ValueError as error:  # mmap refuses empty files
        raise ConversionError(f"{path} is empty", "download or copy the file again") from error
    except FileNotFoundError as error:
        raise ConversionError(
            f"no such file: {path}", "give the file of a DeepSpeech network"
        ) from error
    except IsADirectoryError as error:
        raise ConversionError(
            f"{path} is a folder", "give the file of a DeepSpeech network"
        ) from error
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
