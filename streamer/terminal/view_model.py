"""The live view's state, shared between threads: one lock around one immutable value."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Callable

from streamer.events import Event, Final, Notice, Partial, Stats
from streamer.terminal.latency_log import LatencyLog
from streamer.terminal.view_state import Farewell, Note, ViewInfo, ViewState, undo, update

#: How long a message stays on the screen, in seconds.
MESSAGE_S = 3.0
#: How long a warning stays at least, however soon there is sound again, in seconds.
NOTICE_S = 5.0
#: What the mark of words means, said with the first one, and for how long in seconds.
LEGEND = "underlined: may be wrong"
LEGEND_S = 6.0
#: Pictures of the spinner in a second.
SPINNER_PER_S = 8


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
        self._notice_since = -NOTICE_S
        self._spinner = 0
        self._explained = False
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
            return self._dirty or self._message_expired() or self._spinner_turned()

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
            if isinstance(event, Notice):
                self._notice_since = now
            elif state.notice is None and now - self._notice_since < NOTICE_S:
                state = replace(state, notice=self._state.notice)
            if not self._keep_finals:
                pending = tuple(item for item in state.pending if not isinstance(item, Final))
                state = replace(state, pending=pending)
            if isinstance(event, (Partial, Final)):
                self._latencies.received(event.latency_ms, now)
                if state.message is None and not self._explained and _is_marked(event, state):
                    self._explained = True
                    self._message_until = now + LEGEND_S
                    state = replace(state, message=LEGEND)
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

    def apply(self, change: Callable[[ViewState], ViewState]) -> ViewState:
        """Replace the state by a function of it; return the new one."""
        with self._edit():
            self._state = change(self._state)
            return self._state

    def opened(self, info: ViewInfo) -> None:
        """Note that the source is open, and its name."""
        self.change(info=info, opened=True)

    def loaded(self, info: ViewInfo) -> None:
        """Note that the model is loaded."""
        self.change(info=info, opened=True, loading=False)

    def say(self, message: str, seconds: float = MESSAGE_S) -> None:
        """Show a message for a while."""
        with self._edit():
            self._message_until = self._clock() + seconds
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

    def take(self, ending: str | None = None) -> ViewState:
        """Return the state to draw; its ``pending`` items belong to the caller.

        Args:
            ending: the last line of the session, which may be empty: nothing is held
                back then. None while it goes on.
        """
        with self._changed:
            if self._message_expired():
                self._state = replace(self._state, message=None)
            self._spinner = self._spinner_now()
            state = replace(self._state, spinner=self._spinner)
            pending = state.pending
            first = len(pending) if ending is not None else self._first_held(pending)
            self._state = replace(self._state, pending=pending[first:])
            self._dirty = False
        held = tuple(item for item in pending[first:] if isinstance(item, Final))
        if ending:
            return replace(state, pending=(*pending, Farewell(ending)), held=())
        return replace(state, pending=pending[:first], held=held)

    def _first_held(self, pending: tuple[object, ...]) -> int:
        """Return the place of the first item that stays in the region.

        The last final may still get a mark, be undone or be edited. Once anything else was
        written after it, it goes to the scrollback; while one is edited, all after it wait.
        """
        state = self._state
        if not state.finals:
            return len(pending)
        held = state.finals[state.edit.place if state.edit is not None else -1]
        for place, item in enumerate(pending):
            if item is held:
                return place if state.edit is not None or item is pending[-1] else len(pending)
        return len(pending)

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

    def _spinner_now(self) -> int:
        return int(self._clock() * SPINNER_PER_S) if self._state.loading else 0

    def _spinner_turned(self) -> bool:
        return self._spinner_now() != self._spinner

    def _message_expired(self) -> bool:
        return self._state.message is not None and self._clock() >= self._message_until


def _is_marked(event: Partial | Final, state: ViewState) -> bool:
    """Whether a word of low confidence is stable as displayed, and so marked."""
    stable = event.display_stable if isinstance(event, Partial) else event.display
    n_stable = len(stable.split())
    return any(word.confidence < state.doubtful for word in event.words[:n_stable])
