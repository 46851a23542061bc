"""What a status bar shows about the running instance."""

from __future__ import annotations

import threading
import time
from dataclasses import asdict, dataclass, replace
from typing import Any

from streamer.events import Event, Final, Gap, Notice, Partial, Stats

OFF, STARTING, LISTENING, PAUSED = "off", "starting", "listening", "paused"

#: What a bar shows where there is no text.
_SYMBOLS = {OFF: "", STARTING: "◌", LISTENING: "●", PAUSED: "○"}
#: A bar has room for this many characters of the partial.
_BAR_CHARACTERS = 40
#: Digital silence, in dB of full scale: no level.
_SILENT_DBFS = -99.0
#: Level that a bar shows as nothing, in dB of full scale.
_QUIET_DBFS = -60.0


@dataclass(frozen=True)
class Status:
    """The state of an instance.

    Attributes:
        state: ``off``, ``starting``, ``listening`` or ``paused``.
        device: name of the microphone.
        warm: whether the microphone stays open during the pause.
        time: length of the stream, in seconds.
        level_dbfs: level of the last quarter of a second; None without sound.
        speaking: whether somebody speaks.
        partial: words that may still change.
        final: the last final.
        start_ms: from the last start to the first captured sample; None before that.
        notice: the last warning.
    """

    state: str = OFF
    device: str = ""
    warm: bool = False
    time: float = 0.0
    level_dbfs: float | None = None
    speaking: bool = False
    partial: str = ""
    final: str = ""
    start_ms: float | None = None
    notice: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return the fields, with those that waybar and others expect.

        ``text`` is for the bar, ``tooltip`` for the pointer, ``class`` and ``alt`` for
        colours and icons, ``percentage`` is the level.
        """
        level = _QUIET_DBFS if self.level_dbfs is None else self.level_dbfs
        shown = self.partial[-_BAR_CHARACTERS:]
        return {
            **asdict(self),
            "text": f"{_SYMBOLS[self.state]} {shown}".strip(),
            "tooltip": self.notice or self.final or self.state,
            "class": self.state,
            "alt": self.state,
            "percentage": round(100 * min(1.0, max(0.0, 1 - level / _QUIET_DBFS))),
        }


class StatusBoard:
    """The current status; any thread may read it, or wait for a change."""

    def __init__(self) -> None:
        self._status = Status(STARTING)
        self._version = 0
        self._changed = threading.Condition()

    @property
    def status(self) -> Status:
        """The current status."""
        with self._changed:
            return self._status

    def change(self, **values: Any) -> None:
        """Change fields of the status."""
        with self._changed:
            status = replace(self._status, **values)
            if status != self._status:
                self._status = status
                self._version += 1
                self._changed.notify_all()

    def receive(self, event: Event) -> None:
        """Take an event of the stream."""
        if isinstance(event, Partial):
            self.change(partial=event.display)
        elif isinstance(event, Final):
            self.change(partial="", final=event.display)
        elif isinstance(event, Stats):
            level = round(event.level_dbfs) if event.level_dbfs > _SILENT_DBFS else None
            self.change(time=round(event.time), level_dbfs=level, speaking=event.speaking)
        elif isinstance(event, (Notice, Gap)):
            what = event.what if isinstance(event, Notice) else "some audio was lost"
            self.change(notice=what)

    def wait(self, seen: int, timeout_s: float) -> tuple[int, Status]:
        """Wait for another version than the one seen; return the newest and its number."""
        deadline_s = time.monotonic() + timeout_s
        with self._changed:
            while self._version == seen:
                left_s = deadline_s - time.monotonic()
                if left_s <= 0:
                    break
                self._changed.wait(left_s)
            return self._version, self._status
