"""The error of a damaged file, and a limit of the work that one can cause."""

from __future__ import annotations


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
