"""The exceptions of streamer.

Each message says what is wrong and what to do, joined by " - "; the command
line prints it as one line, ``error: what - what to do``.
"""

from __future__ import annotations

from streamer.printable import printable

#: Longest message; what is quoted in it may come from a file of a megabyte.
_MAX_CHARACTERS = 2000


def _one_line(text: str) -> str:
    line = printable(text[: _MAX_CHARACTERS + 1])
    return line if len(line) <= _MAX_CHARACTERS else line[:_MAX_CHARACTERS] + " ..."


def system_reason(error: OSError) -> str:
    """Return why a call of the system failed, as it stands in the middle of a message."""
    return (error.strerror or str(error)).lower()


class StreamerError(Exception):
    """An error that a user can fix.

    Args:
        what: what is wrong, without a full stop.
        todo: what to do about it, without a full stop.
    """

    exit_code = 1

    def __init__(self, what: str, todo: str) -> None:
        self.what = _one_line(what)
        self.todo = _one_line(todo)
        super().__init__(f"{self.what} - {self.todo}")

    def __reduce__(self) -> tuple[type[StreamerError], tuple[str, str]]:
        """Pickle the two arguments, so that the error survives the way between processes."""
        return type(self), (self.what, self.todo)


class UsageError(StreamerError):
    """Options or arguments that do not fit together (exit code 2)."""

    exit_code = 2


class AudioError(StreamerError):
    """A recording or a stream of samples that cannot be read."""


class DeviceError(AudioError):
    """A microphone that cannot be opened, is busy, or went away."""


class ModelError(StreamerError):
    """A bundle, a network or an alphabet that cannot be used."""


class ScorerError(ModelError):
    """A language model package that cannot be used."""


class DecoderError(StreamerError):
    """A decoder that is not installed or does not fit the model."""


class ConversionError(StreamerError):
    """A network that cannot be read, converted or checked."""


class OutputError(StreamerError):
    """A place where results cannot be written or sent."""
