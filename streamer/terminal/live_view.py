"""The live view: one lock round one state, a thread that draws it, a thread for the keys.

`LiveView.write` only takes in an event; it does not wait for the terminal, so a
terminal that is slow or stopped (Ctrl-S) does not hold up recognition (but for
`LiveView.make_room`, for finals that go down a pipe). The
drawing thread takes an immutable snapshot and draws it, at most 15 times a
second. Who prints finals where is said in `streamer.terminal.routing`.
"""

from __future__ import annotations

import atexit
import os
import signal
import sys
import threading
import time
from dataclasses import dataclass, replace
from types import FrameType, TracebackType
from typing import Any, Callable, TextIO

from rich.console import Console

from streamer.errors import StreamerError
from streamer.events import Event, Final, Partial, Stats
from streamer.terminal.drawing.painter import Painter
from streamer.terminal.drawing.render import render, scrollback_lines
from streamer.terminal.drawing.theme import Theme, choose_theme
from streamer.terminal.latency_log import LatencyLog
from streamer.terminal.tty.keyboard import Keyboard, in_foreground
from streamer.terminal.tty.osc52 import copy_sequence
from streamer.terminal.tty.restorer import TtyRestorer
from streamer.terminal.tty.stderr_proxy import StderrProxy
from streamer.terminal.view_state import (
    Note,
    Undone,
    ViewInfo,
    ViewState,
    transcript,
    undo,
    update,
)

#: No more frames than this in a second.
FRAMES_PER_S = 15
#: How often the size of the terminal is looked at when nothing happens, in seconds.
IDLE_S = 0.25
#: How often all rows are written anew, in seconds, to heal what others wrote.
REFRESH_S = 1.0
#: How long a message about a key stands, in seconds.
MESSAGE_S = 4.0
#: How long the region stays away after a final went down a pipe, in seconds: the
#: time for the next program of the pipe to print it.
PIPE_HOLD_S = 0.15
#: How long the keyboard is waited for before looking whether the view ends, in seconds.
KEY_POLL_S = 0.1


@dataclass(frozen=True)
class ViewActions:
    """What the keys do. They are called from the thread of the keys.

    An action that raises `StreamerError` becomes a message on the screen; any
    other exception ends the view and comes out of `LiveView.write` or `close`.

    Attributes:
        pause: release the microphone.
        resume: take it again.
        end_utterance: end the utterance now.
        quit: end the program in good order, what was said last included.
        undo: the last final no longer counts.
        save: keep the transcript; returns the name of where it is.
    """

    pause: Callable[[], None] | None = None
    resume: Callable[[], None] | None = None
    end_utterance: Callable[[], None] | None = None
    quit: Callable[[], None] | None = None
    undo: Callable[[Final], None] | None = None
    save: Callable[[str], str] | None = None


class LiveView:
    """Draws a stream of events on a terminal.

    A context manager; `start` and `close` may be called twice, and leaving
    restores the terminal whatever happened. Start it in the main thread if
    Ctrl-Z is to work: Python sets signal handlers only there.

    Args:
        console: on the terminal, usually `stderr_console()`.
        info: what the status line says of device and model.
        actions: what the keys do.
        timestamps: finals begin with the time at which they were said.
        keyboard: where keys come from, None for none.
        prints_finals: whether finals go into this terminal's scrollback.
        theme: None chooses one for the terminal.
        clock: seconds, for latencies, messages and the frame rate.
    """

    def __init__(
        self,
        console: Console,
        info: ViewInfo,
        actions: ViewActions | None = None,
        timestamps: bool = False,
        *,
        keyboard: Keyboard | None = None,
        prints_finals: bool = True,
        theme: Theme | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._console = console
        self._file: TextIO = sys.stderr
        self._actions = actions if actions is not None else ViewActions()
        self._keyboard = keyboard
        self._prints_finals = prints_finals
        self._theme = theme if theme is not None else choose_theme(console.encoding)
        self._clock = clock
        self._painter = Painter(self._put)

        # The lock round the state, and what belongs to it.
        self._changed = threading.Condition()
        self._state = ViewState(info, timestamps=timestamps, keys=keyboard is not None)
        self._latencies = LatencyLog()
        self._dirty = True
        self._message_until = 0.0
        self._failure: BaseException | None = None

        # Who holds this one may write to the terminal. It can be taken twice,
        # because Ctrl-Z is handled in the thread that may hold it already.
        self._terminal = threading.RLock()
        self._scroll: list[str] = []  # rows for the scrollback, not written yet
        self._size = (0, 0)
        self._refreshed = 0.0
        self._hold_until = 0.0
        self._suspended = False
        self._away = True
        self._gone = False

        self._ending = threading.Event()
        self._threads: list[threading.Thread] = []
        self._restorer: TtyRestorer | None = None
        self._handlers: dict[int, Any] = {}
        self._proxy: StderrProxy | None = None
        #: How many frames were written, and the processor time they took, in seconds.
        self.frames = 0
        self.drawing_cpu_s = 0.0

    # Life

    def start(self) -> None:
        """Take the terminal and begin to draw."""
        if self._threads:
            return
        self._file = self._console.file  # type: ignore[assignment]
        self._ending.clear()
        self._away = True
        atexit.register(self.close)
        fd = self._descriptor()
        self._restorer = TtyRestorer(fd) if fd is not None and os.isatty(fd) else None
        try:
            if self._keyboard is not None:
                self._keyboard.enter()
            if self._restorer is not None:
                self._restorer.watch()
            self._handle_signals()
            if sys.stderr is self._file:
                self._proxy = StderrProxy(self._file, self._take_line)
                sys.stderr = self._proxy
            self._begin(self._draw_until_the_end, "streamer-view")
            if self._keyboard is not None:
                self._begin(self._read_keys, "streamer-keys")
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Put the last finals on the screen and give the terminal back as it was.

        Raises:
            Exception: what went wrong in drawing or in a key's action.
        """
        if self._restorer is None and not self._threads and not self._state.pending:
            return
        self._ending.set()
        with self._changed:
            self._changed.notify_all()
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join()
        self._threads = []
        if self._proxy is not None:
            self._proxy.finish()
            if sys.stderr is self._proxy:
                sys.stderr = self._proxy.original
            self._proxy = None
        self._scroll += self._scrolled(self._take_snapshot(), self._look_at_size()[0])
        with self._terminal:
            try:
                self._painter.clear(self._scroll)
                self._scroll = []
            except OSError:
                self._gone = True  # nothing is left that could be restored
            finally:
                if self._keyboard is not None:
                    self._keyboard.leave()
                if self._restorer is not None:
                    self._restorer.dismiss()
                    self._restorer = None
                self._restore_signals()
                atexit.unregister(self.close)
        self._raise_failure()

    def __enter__(self) -> LiveView:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self.close()
        except BaseException:
            if error is None:
                raise  # else what came first is what the caller should see

    # Events

    def write(self, event: Event) -> None:
        """Take in an event. Returns at once; the words are drawn with the next frame.

        Raises:
            Exception: what went wrong in drawing or in a key's action.
        """
        self._raise_failure()
        now = self._clock()
        with self._changed:
            state = update(self._state, event)
            if not self._prints_finals:
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
            self._set(state)

    def make_room(self) -> None:
        """Take the region away for a moment: a final goes down the pipe now.

        To be called before it is written to standard output. What reads the pipe may
        print it on this terminal; then it should stand on rows that are free. Does
        nothing where the view prints the finals itself.
        """
        if self._prints_finals:
            return
        with self._terminal:
            self._hold_until = self._clock() + PIPE_HOLD_S
            if self._suspended or self._away or self._gone:
                return
            try:
                self._painter.wipe()
            except OSError:
                self._gone = True

    @property
    def state(self) -> ViewState:
        """The newest snapshot."""
        with self._changed:
            return self._state

    @property
    def on_screen_ms(self) -> tuple[float, float] | None:
        """p50 and p95 from the last sample of a chunk to its words on the screen, in ms."""
        with self._changed:
            p50, p95 = self._latencies.percentile(50), self._latencies.percentile(95)
        return None if p50 is None or p95 is None else (p50, p95)

    def say(self, message: str) -> None:
        """Show a short message for a few seconds."""
        with self._changed:
            self._message_until = self._clock() + MESSAGE_S
            self._set(replace(self._state, message=message))

    def _set(self, state: ViewState) -> None:
        """Replace the state; the lock is held by the caller."""
        self._state = state
        self._dirty = True
        self._changed.notify_all()

    def _take_line(self, line: str) -> None:
        with self._changed:
            self._set(replace(self._state, pending=(*self._state.pending, Note(line))))

    # Drawing

    def _draw_until_the_end(self) -> None:
        while not self._ending.is_set():
            with self._changed:
                if not self._dirty:
                    self._changed.wait(IDLE_S)
            began = time.thread_time()
            self._draw()
            self.drawing_cpu_s += time.thread_time() - began
            self._ending.wait(1 / FRAMES_PER_S)

    def _draw(self) -> None:
        now = self._clock()
        if self._gone or now < self._hold_until or not self._have_terminal():
            return
        size = self._look_at_size()
        if not self._dirty and size == self._size and not self._fades(now):
            return
        # The snapshot is taken before the terminal: Ctrl-Z may come while its thread
        # holds the state, and then waits for the terminal.
        state = self._take_snapshot()
        width, height = size
        self._scroll += self._scrolled(state, width)
        rows = self._encode([render(state, width, height, self._theme)])
        with self._terminal:
            if self._suspended or self._gone or self._clock() < self._hold_until:
                return
            if size != self._size:
                self._size = size
                self._painter.forget()
            if now - self._refreshed >= REFRESH_S or not self._prints_finals:
                self._refreshed = now
                self._painter.refresh()
            try:
                if self._painter.paint(self._scroll, rows):
                    self.frames += 1
            except OSError:
                self._gone = True  # the window was closed; the transcript goes on
            self._scroll = []
        with self._changed:
            self._latencies.drawn(self._clock())

    def _take_snapshot(self) -> ViewState:
        """Return the state and take over what is pending in it."""
        with self._changed:
            if self._state.message is not None and self._clock() >= self._message_until:
                self._state = replace(self._state, message=None)
            state = self._state
            self._state = replace(state, pending=())
            self._dirty = False
        return state

    def _fades(self, now: float) -> bool:
        return self._state.message is not None and now >= self._message_until

    def _scrolled(self, state: ViewState, width: int) -> list[str]:
        rows: list[str] = []
        for item in state.pending:
            rows += self._encode(scrollback_lines(item, width, self._theme, state.timestamps))
        return rows

    def _encode(self, texts: list[Any]) -> list[str]:
        """Turn texts into rows with the terminal's control sequences for their styles."""
        if not texts:
            return []
        with self._console.capture() as captured:
            for number, text in enumerate(texts):
                end = "" if number == len(texts) - 1 else "\n"
                self._console.print(text, soft_wrap=True, highlight=False, end=end)
        return captured.get().split("\n")

    def _put(self, text: str) -> None:
        self._file.write(text)
        self._file.flush()

    # The terminal

    def _descriptor(self) -> int | None:
        try:
            return self._file.fileno()
        except (AttributeError, OSError, ValueError):
            return None

    def _look_at_size(self) -> tuple[int, int]:
        fd = self._descriptor()
        if fd is not None:
            try:
                columns, rows = os.get_terminal_size(fd)
            except OSError:
                columns, rows = 0, 0
            if columns > 0 and rows > 0:
                return columns, rows
        return self._console.size.width, self._console.size.height

    def _have_terminal(self) -> bool:
        """Return whether the terminal may be used now, and take it again after a stop."""
        fd = self._descriptor()
        with self._terminal:
            if self._suspended or (fd is not None and not in_foreground(fd)):
                self._away = True
                return False
            if self._away:
                self._away = False
                self._dirty = True
                self._painter.forget()
                if self._keyboard is not None:
                    self._keyboard.enter()
            return True

    def _handle_signals(self) -> None:
        if sys.platform == "win32" or threading.current_thread() is not threading.main_thread():
            return
        if signal.getsignal(signal.SIGTSTP) is not signal.SIG_IGN:
            self._handlers[signal.SIGTSTP] = signal.signal(signal.SIGTSTP, self._on_stop)
        self._handlers[signal.SIGCONT] = signal.signal(signal.SIGCONT, self._on_continue)

    def _restore_signals(self) -> None:
        if threading.current_thread() is not threading.main_thread():
            return  # Python allows it only there; what stays behind still stops and continues
        for number, handler in self._handlers.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)
        self._handlers = {}

    if sys.platform != "win32":

        def _on_stop(self, number: int, frame: FrameType | None) -> None:
            """Ctrl-Z: give the terminal back, stop, and go on when the shell says so."""
            self._suspended = True
            with self._terminal:
                try:
                    self._painter.clear()
                except OSError:
                    self._gone = True
                if self._keyboard is not None:
                    self._keyboard.leave()
            signal.signal(signal.SIGTSTP, signal.SIG_DFL)
            # To this thread, so that it has stopped before the next line runs.
            signal.pthread_kill(threading.get_ident(), signal.SIGTSTP)
            signal.signal(signal.SIGTSTP, self._on_stop)
            self._away, self._suspended = True, False

        def _on_continue(self, number: int, frame: FrameType | None) -> None:
            """The shell continued the program, in the foreground or not: look anew."""
            self._away = True

    # Keys

    def _read_keys(self) -> None:
        assert self._keyboard is not None
        while not self._ending.is_set():
            keys = self._keyboard.read(KEY_POLL_S)
            if keys is None:
                return  # the terminal is gone
            for key in keys:
                self._press(key)

    def _press(self, key: str) -> None:
        """Do what a key is for; keys without a meaning do nothing."""
        try:
            if key == " ":
                self._pause_or_resume()
            elif key == "\n":
                self._call(self._actions.end_utterance, "utterance ended")
            elif key == "u":
                self._undo()
            elif key == "c":
                self._copy()
            elif key == "s":
                self._save()
            elif key == "t":
                on = not self.state.timestamps
                self._replace(timestamps=on)
                self.say(f"times {'on' if on else 'off'}")
            elif key == "?":
                self._replace(help=not self.state.help)
            elif key == "q":
                self._call(self._actions.quit, "finishing")
            elif key == "\x0c":  # Ctrl-L, as everywhere
                with self._terminal:
                    self._painter.forget()
                self._replace()
        except StreamerError as error:
            self.say(f"error: {error}")

    def _replace(self, **changes: Any) -> None:
        with self._changed:
            self._set(replace(self._state, **changes))

    def _call(self, action: Callable[[], None] | None, done: str) -> None:
        if action is None:
            self.say("this key has nothing to do here")
            return
        action()
        self.say(done)

    def _pause_or_resume(self) -> None:
        pause = not self.state.paused
        action = self._actions.pause if pause else self._actions.resume
        if action is None:
            self.say("this source cannot be paused")
            return
        action()
        self._replace(paused=pause)

    def _undo(self) -> None:
        with self._changed:
            state, last = undo(self._state)
            self._set(state)
        if last is None:
            self.say("nothing to undo")
            return
        if Undone(last.text) not in state.pending:  # it was not drawn yet: no scrollback says it
            self.say(f"undone: {last.text}")
        if self._actions.undo is not None:
            self._actions.undo(last)

    def _copy(self) -> None:
        state = self.state
        if not state.finals:
            self.say("nothing to copy yet")
            return
        sequence = copy_sequence(transcript(state))
        with self._terminal:
            try:
                self._put(sequence)
            except OSError:
                self._gone = True
        self.say(f"{_lines(state)} sent to the clipboard")

    def _save(self) -> None:
        state = self.state
        if self._actions.save is None:
            self.say("this key has nothing to do here")
        elif not state.finals:
            self.say("nothing to save yet")
        else:
            self.say(f"{_lines(state)} saved in {self._actions.save(transcript(state))}")

    # Threads

    def _begin(self, work: Callable[[], None], name: str) -> None:
        def run() -> None:
            try:
                work()
            except BaseException as error:  # carried over to the thread that writes
                self._failure = error

        thread = threading.Thread(target=run, name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _raise_failure(self) -> None:
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure


def stderr_console() -> Console:
    """Return a console on standard error that is a terminal only where it really is one."""
    try:
        terminal = os.isatty(sys.stderr.fileno())
    except (AttributeError, OSError, ValueError):
        terminal = False
    return Console(file=sys.stderr, force_terminal=terminal, highlight=False)


def _lines(state: ViewState) -> str:
    count = len(state.finals)
    return f"{count} line{'' if count == 1 else 's'}"
