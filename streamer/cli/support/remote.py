"""Control of a live session by keys, the socket and a hotkey; its status for bars."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Callable, Optional

from streamer.cli.support.messages import say, warn
from streamer.control.server import ControlServer
from streamer.control.status import LISTENING, PAUSED, StatusBoard
from streamer.errors import OutputError
from streamer.events import Event, Stats

if TYPE_CHECKING:
    from streamer.audio.sources.source import Source
    from streamer.control.hotkey import Hotkey
    from streamer.terminal import LiveView
    from streamer.transcriber import Transcriber

#: Recorded after a stop by key, in seconds: people release the key on their last word.
TAIL_S = 0.3


class RemoteControl:
    """Pauses and resumes one transcriber, and tells everybody; any thread may call it.

    Args:
        transcriber: the one to control.
        paused: whether it begins with the microphone closed.
        keep_warm_s: how long the microphone stays open then, in seconds.
        hotkey: keys of the whole desktop, such as ``ctrl+alt+d``.
        push_to_talk: whether to listen only while they are held.
    """

    def __init__(
        self,
        transcriber: Transcriber,
        paused: bool = False,
        keep_warm_s: float = 0.0,
        hotkey: Optional[str] = None,
        push_to_talk: bool = False,
    ) -> None:
        self._transcriber = transcriber
        self._paused = paused
        self._keep_warm_s = keep_warm_s
        self._lock = threading.Lock()
        self._source: Optional[Source] = None
        self._asked_early = False  # to pause, before the source was open
        self._view: Optional[LiveView] = None
        self._cooling: Optional[threading.Timer] = None
        self.board = StatusBoard()
        commands: dict[str, Callable[[], None]] = {
            "start": self.start,
            "stop": self.stop,
            "toggle": self.toggle,
        }
        self._server = ControlServer(self.board, commands)
        self._hotkey: Optional[Hotkey] = None
        if hotkey is not None:
            from streamer.control.hotkey import Hotkey

            if push_to_talk:
                self._hotkey = Hotkey(hotkey, self.start, self.stop)
            else:
                self._hotkey = Hotkey(hotkey, self.toggle)

    def __enter__(self) -> RemoteControl:
        try:
            if not self._server.open():
                say("another streamer is running: streamer start and stop control that one")
        except OutputError as error:  # everything else works without
            warn(str(error))
        if self._hotkey is not None:
            self._hotkey.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.close()
        if self._hotkey is not None:
            self._hotkey.close()
        self._cool_down(None)

    @property
    def paused(self) -> bool:
        """Whether the microphone is paused."""
        return self._paused

    def opened(self, source: Source, view: Optional[LiveView]) -> None:
        """Note that the source is open, and the view that shows it."""
        with self._lock:
            self._source, self._view = source, view
            self.board.change(state=PAUSED if self._paused else LISTENING, device=source.name)
            if self._paused:
                self._show("paused: streamer start, or the space bar, opens the microphone")
            early, self._asked_early = self._asked_early, False
        if early:
            self.stop(0.0)

    def receive(self, event: Event) -> None:
        """Take an event for the status."""
        self.board.receive(event)
        if isinstance(event, Stats):
            start_s = getattr(self._source, "start_s", None)
            self.board.change(start_ms=None if start_s is None else round(start_s * 1000))

    def start(self) -> None:
        """Listen."""
        with self._lock:
            self._asked_early = False
            if self._source is None or not self._paused:
                return
            self._transcriber.resume()
            self._paused = False
            self._cool_down(None)
            self.board.change(state=LISTENING, warm=False)
            self._show("listening")

    def stop(self, after_s: float = TAIL_S) -> None:
        """Pause, after recording for this long, in seconds."""
        with self._lock:
            if self._paused:
                return
            if self._source is None:  # done when it is open
                self._asked_early = True
                return
            self._transcriber.pause(after_s)
            self._paused = True
            warm_s = self._keep_warm_s
            self.board.change(state=PAUSED, warm=warm_s > 0, level_dbfs=None, speaking=False)
            self._cool_down(warm_s)
            self._show(
                f"paused; the microphone stays open for {warm_s:g} s" if warm_s else "paused"
            )

    def pause_now(self) -> None:
        """Pause at once, for the key of the view."""
        self.stop(0.0)

    def toggle(self) -> None:
        """Pause or listen."""
        if self._paused:
            self.start()
        else:
            self.stop()

    def _cool_down(self, after_s: Optional[float]) -> None:
        """Say that the microphone is closed after this long; None forgets that."""
        if self._cooling is not None:
            self._cooling.cancel()
            self._cooling = None
        if after_s:
            self._cooling = threading.Timer(after_s, lambda: self.board.change(warm=False))
            self._cooling.daemon = True
            self._cooling.start()

    def _show(self, message: str) -> None:
        if self._view is None:
            say(message)
        else:
            self._view.show_paused(self._paused)
            self._view.say(message)
