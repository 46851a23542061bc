"""How long a microphone that went away is waited for, and what is said about it."""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from streamer.errors import DeviceError

#: How long to wait for a device that went away: where nobody watches, a program
#: must not wait forever.
RECONNECT_SECONDS = 30.0

#: An attempt to open the device counts for no more than this: the program may be stopped
#: meanwhile.
_LONGEST_TRY_SECONDS = 5.0


class DeviceNotice(NamedTuple):
    """Something about the device that the user should know."""

    what: str
    todo: str


class Absence:
    """Counts the time without a device.

    Args:
        timeout_s: how long to wait; None for ever, 0 not at all.

    Attributes:
        error: why the device is waited for; None if it is not.
        told: whether the user knows.
        notices: for the user, oldest first.
    """

    def __init__(self, timeout_s: float | None) -> None:
        self.timeout_s = timeout_s
        self.error: DeviceError | None = None
        self.told = False
        self.notices: deque[DeviceNotice] = deque()
        self._waited_s = 0.0

    def reset(self) -> None:
        """Forget everything: a new stream begins."""
        self.error, self.told = None, False
        self.notices.clear()

    def begin(self, error: DeviceError) -> None:
        """Wait from now on."""
        self.error, self._waited_s = error, 0.0
        self.tell(error.what)

    def tell(self, what: str) -> None:
        """Say once that the device does not deliver."""
        if self.told:
            return
        self.told = True
        until = "" if self.timeout_s is None else f" for at most {self.timeout_s:g} s"
        self.notices.append(DeviceNotice(what, f"connect it; waiting{until}"))

    def is_back(self, name: str) -> None:
        """Say that the device delivers again, if the user knows that it did not."""
        if self.told:
            self.told = False
            what = f'the microphone "{name}" is back'
            self.notices.append(DeviceNotice(what, "listening again"))

    def tried(self, seconds: float) -> bool:
        """Count an attempt that took this long; return whether it was the last."""
        self._waited_s += min(seconds, _LONGEST_TRY_SECONDS)
        return self.timeout_s is not None and self._waited_s >= self.timeout_s

    def waited(self, seconds: float) -> None:
        """Count the time between two attempts."""
        self._waited_s += seconds
