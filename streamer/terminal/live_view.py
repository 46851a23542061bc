"""The live view: its threads, and how it takes the terminal and gives it back.

`LiveView.write` only records an event and never waits for the terminal, so a
terminal that is slow or stopped (Ctrl-S) does not hold up recognition (except
in `LiveView.make_room`, for finals that go down a pipe). The drawing thread
takes an immutable `ViewState` and draws it, at most 15 times a second.
`streamer.terminal.routing` says where finals are printed.
"""

from __future__ import annotations

import atexit
import sys
import threading
import time
from dataclasses import replace
from typing import Callable, TextIO

from streamer.events import Event
from streamer.terminal.drawing.theme import choose_theme, colour_depth, make_theme
from streamer.terminal.key_bindings import KeyHandler, ViewActions
from streamer.terminal.region import LiveRegion
from streamer.terminal.saving import farewell
from streamer.terminal.tty.background import ANSWER_WITHIN_S, QUESTION, background_in, may_ask
from streamer.terminal.tty.job_control import JobControl
from streamer.terminal.tty.keyboard import Keyboard
from streamer.terminal.tty.keys import is_answer
from streamer.terminal.tty.restorer import TtyRestorer
from streamer.terminal.tty.stderr_proxy import StderrProxy
from streamer.terminal.tty.streams import descriptor, is_terminal
from streamer.terminal.view_model import ViewModel
from streamer.terminal.view_state import ViewInfo, ViewState

#: The frame rate's upper limit.
FRAMES_PER_S = 15
#: How often the size of the terminal is checked when nothing else happens, in seconds.
IDLE_S = 0.25
#: How long the key thread waits for a key before it checks whether the view is closing.
KEY_POLL_S = 0.1
#: How long to wait at the end for an answer that is still due, in seconds.
LAST_ANSWER_S = 0.1


class LiveView:
    """Draws a stream of events on a terminal.

    A context manager; `start` and `close` may be called twice, and leaving
    always restores the terminal. Start it in the main thread for Ctrl-Z to
    work: Python sets signal handlers only there.

    Args:
        info: what is known about device and model so far.
        actions: what the keys do.
        timestamps: whether finals begin with the time at which they were said.
        keyboard: where keys come from, None for none.
        prints_finals: whether finals go into this terminal's scrollback.
        theme: "dark", "light" or "none"; None asks the terminal.
        file: the terminal, None for standard error.
        loading: whether the source is not open yet, nor the model loaded; see
            `opened` and `loaded`.
        clock: seconds, for latencies, messages and the frame rate.

    Attributes:
        drawing_cpu_s: processor time that drawing has taken, in seconds.
    """

    def __init__(
        self,
        info: ViewInfo,
        actions: ViewActions | None = None,
        timestamps: bool = False,
        *,
        keyboard: Keyboard | None = None,
        prints_finals: bool = True,
        theme: str | None = None,
        file: TextIO | None = None,
        loading: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        stream = file if file is not None else sys.stderr
        self._encoding = stream.encoding or "ascii"
        colours = choose_theme(self._encoding, theme)
        self._asks = theme is None and keyboard is not None and may_ask() and colour_depth() > 16
        self._asked_at: float | None = None
        self._clock = clock
        state = ViewState(
            info,
            opened=not loading,
            loading=loading,
            timestamps=timestamps,
            keys=keyboard is not None,
        )
        self._keyboard = keyboard
        self._prints_finals = prints_finals
        self._model = ViewModel(state, prints_finals, clock)
        self._region = LiveRegion(file, colours, keyboard, not prints_finals, clock)
        self._keys = KeyHandler(actions or ViewActions(), self._model, self._region)
        self._job_control = JobControl(
            self._region.suspend, self._region.resume, self._region.mark_away
        )
        self._restorer: TtyRestorer | None = None
        self._proxy: StderrProxy | None = None
        self._closing = threading.Event()
        self._threads: list[threading.Thread] = []
        self._failure: BaseException | None = None
        self.drawing_cpu_s = 0.0

    @property
    def frames(self) -> int:
        """How many frames have been written."""
        return self._region.frames

    @property
    def state(self) -> ViewState:
        """The current state."""
        return self._model.state

    @property
    def on_screen_ms(self) -> tuple[float, float] | None:
        """p50 and p95 from the last sample of a chunk to its words on the screen, in ms."""
        return self._model.on_screen_ms

    def start(self) -> None:
        """Take the terminal and begin to draw."""
        if self._threads:
            return
        file = self._region.attach()
        self._closing.clear()
        atexit.register(self.close)
        fd = descriptor(file)
        self._restorer = TtyRestorer(fd) if fd is not None and is_terminal(file) else None
        try:
            if self._keyboard is not None:
                self._keyboard.enter()
            if self._restorer is not None:
                self._restorer.watch()
            self._job_control.install()
            if sys.stderr is file:
                self._proxy = StderrProxy(file, self._model.add_line)
                sys.stderr = self._proxy
            if self._asks:
                self._asked_at = self._clock()
                self._region.write(QUESTION)
            self._start_thread(self._draw_until_closed, "streamer-view")
            if self._keyboard is not None:
                self._start_thread(self._read_keys, "streamer-keys")
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Write the last finals and restore the terminal.

        Raises:
            Exception: what went wrong in drawing or in a key's action.
        """
        if self._restorer is None and not self._threads and not self._model.state.pending:
            return
        self._closing.set()
        self._model.wake()
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join()
        self._threads = []
        if self._proxy is not None:
            self._proxy.finish()
            if sys.stderr is self._proxy:
                sys.stderr = self._proxy.original
            self._proxy = None
        try:
            if self._asked_at is not None and self._keyboard is not None:
                for key in self._keyboard.read(LAST_ANSWER_S) or []:  # not for the shell
                    self._answered(key)
            separator = self._region.theme.glyphs.separator
            self._region.close(self._model.take(ending=farewell(self._model.state, separator)))
        finally:
            if self._restorer is not None:
                self._restorer.dismiss()
                self._restorer = None
            self._job_control.uninstall()
            atexit.unregister(self.close)
        self._raise_failure()

    def __enter__(self) -> LiveView:
        self.start()
        return self

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        try:
            self.close()
        except BaseException:
            if error is None:
                raise  # otherwise the caller should see the first error

    def write(self, event: Event) -> None:
        """Record an event and return at once; the next frame shows it.

        Raises:
            Exception: what went wrong in drawing or in a key's action.
        """
        self._raise_failure()
        self._model.receive(event)

    def make_room(self) -> None:
        """Erase the region for a moment, before a final is written to standard output.

        Whatever reads the pipe may print the final on this terminal; the rows it
        prints on should be free. Does nothing where the view prints the finals
        itself.
        """
        if not self._prints_finals:
            self._region.make_room()

    def opened(self, info: ViewInfo) -> None:
        """Note that the source is open: what is said from now on is heard."""
        self._model.opened(info)

    def loaded(self, info: ViewInfo) -> None:
        """Note that the model is loaded."""
        self._model.loaded(info)

    def say(self, message: str) -> None:
        """Show a message for a few seconds."""
        self._model.say(message)

    def show_paused(self, paused: bool) -> None:
        """Show whether the microphone is released, by something else than a key of the view."""
        self._model.change(paused=paused)

    def _draw_until_closed(self) -> None:
        while not self._closing.is_set():
            self._model.wait(1 / FRAMES_PER_S if self._model.state.loading else IDLE_S)
            began = time.thread_time()
            self._draw()
            self.drawing_cpu_s += time.thread_time() - began
            self._closing.wait(1 / FRAMES_PER_S)

    def _draw(self) -> None:
        if not self._region.available():
            return
        if not self._model.needs_drawing and not self._region.needs_drawing():
            return
        # The state is taken before the terminal. The other way round could deadlock: the
        # handler of Ctrl-Z waits for the terminal in a thread that may hold the state.
        state = self._model.take()
        if self._restorer is not None:  # before they are on the screen: nothing shown is lost
            self._restorer.keep(self._region.final_words(state))
        if self._region.draw(state):
            self._model.drawn()
        if self._restorer is not None:  # without those that are in the scrollback now
            self._restorer.keep(self._region.final_words(replace(state, pending=())))

    def _read_keys(self) -> None:
        assert self._keyboard is not None
        while not self._closing.is_set():
            keys = self._keyboard.read(KEY_POLL_S)
            if keys is None:
                return  # the terminal is gone
            for key in keys:
                if is_answer(key):
                    self._answered(key)
                else:
                    self._keys.press(key)

    def _answered(self, answer: str) -> None:
        """Use the background that the terminal has answered, if that came in time."""
        background = background_in(answer)
        if background is None or self._asked_at is None:
            return
        in_time = self._clock() - self._asked_at <= ANSWER_WITHIN_S
        self._asked_at = None
        if in_time:
            glyphs = self._region.theme.glyphs
            self._region.use_theme(make_theme(background, colour_depth(), glyphs))
            self._model.change()

    def _start_thread(self, work: Callable[[], None], name: str) -> None:
        def run() -> None:
            try:
                work()
            except BaseException as error:  # raised in the thread that calls `write`
                self._failure = error

        thread = threading.Thread(target=run, name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _raise_failure(self) -> None:
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure
