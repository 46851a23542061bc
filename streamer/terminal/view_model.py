"""The live view's state, shared between threads: one lock around one immutable value."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Callable

from streamer.events import Event, Final, Partial, Stats
from streamer.terminal.latency_log import LatencyLog
from streamer.terminal.view_state import Note, ViewState, undo, update

#: How long a message stays on the screen, in seconds.
MESSAGE_S = 4.0


class ViewModel:
    """Holds the current `ViewState`. All methods may be called from any thread.

    Args:
        state: the initial state.
        keep_finals: whether finals wait in ``pending`` for the scrollback.
        clock: seconds, for latencies and messages.
    """

    def __init__(
        self,
        state: ViewState,
        keep_finals: bool = True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._changed = threading.Condition()
        self._state = state
        self._keep_finals = keep_finals
        self._clock = clock
        self._latencies = LatencyLog()
        self._message_until = 0.0
        self._dirty = True

    @property
    def state(self) -> ViewState:
        """The current state."""
        with self._changed:
            return self._state

    @property
    def needs_drawing(self) -> bool:
        """Whether the state has changed since `take`, or a message has expired."""
        with self._changed:
            return self._dirty or self._message_expired()

    @property
    def on_screen_ms(self) -> tuple[float, float] | None:
        """p50 and p95 from the last sample of a chunk to its words on the screen, in ms."""
        with self._changed:
            p50, p95 = self._latencies.percentile(50), self._latencies.percentile(95)
        return None if p50 is None or p95 is None else (p50, p95)

    def receive(self, event: Event) -> None:
        """Apply an event."""
        now = self._clock()
        with self._edit():
            state = update(self._state, event)
            if not self._keep_finals:
                pending = tuple(item for item in state.pending if not isinstance(item, Final))
                state = replace(state, pending=pending)
            if isinstance(event, (Partial, Final)):
                self._latencies.received(event.latency_ms, now)
            if isinstance(event, Stats):
                state = replace(
                    state,
                    screen_p50_ms=self._latencies.percentile(50),
                    screen_p95_ms=self._latencies.percentile(95),
                )
            self._state = state

    def change(self, **changes: Any) -> None:
        """Replace fields of the state; without any, only have it redrawn."""
        with self._edit():
            self._state = replace(self._state, **changes)

    def say(self, message: str) -> None:
        """Show a message for a few seconds."""
        with self._edit():
            self._message_until = self._clock() + MESSAGE_S
            self._state = replace(self._state, message=message)

    def add_line(self, line: str) -> None:
        """Queue a line that another part of the program wrote to standard error."""
        with self._edit():
            self._state = replace(self._state, pending=(*self._state.pending, Note(line)))

    def undo(self) -> tuple[ViewState, Final | None]:
        """Take back the last final; see `streamer.terminal.view_state.undo`."""
        with self._edit():
            self._state, last = undo(self._state)
            return self._state, last

    def take(self, ending: bool = False) -> ViewState:
        """Return the state to draw; its ``pending`` items belong to the caller.

        Args:
            ending: also hand out a final that waits for its mark.
        """
        with self._changed:
            if self._message_expired():
                self._state = replace(self._state, message=None)
            state = self._state
            waiting = None
            last = state.pending[-1] if state.pending else None
            if state.unmarked and not ending and last is state.finals[-1]:
                waiting = state.finals[-1]
            self._state = replace(state, pending=(waiting,) if waiting else ())
            self._dirty = False
        if waiting is None:
            return state
        return replace(state, pending=state.pending[:-1], waiting=waiting)

    def drawn(self) -> None:
        """Note that everything received so far is on the screen."""
        with self._changed:
            self._latencies.drawn(self._clock())

    def wait(self, timeout_s: float) -> None:
        """Wait until there is something new to draw, or `wake` is called."""
        with self._changed:
            if not self._dirty:
                self._changed.wait(timeout_s)

    def wake(self) -> None:
        """End the current `wait`."""
        with self._changed:
            self._changed.notify_all()

    @contextmanager
    def _edit(self) -> Iterator[None]:
        with self._changed:
            yield
            self._dirty = True
            self._changed.notify_all()

    def _message_expired(self) -> bool:
        return self._state.message is not None and self._clock() >= self._message_until
