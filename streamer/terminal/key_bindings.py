"""The keys of the live view: what each one does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable

from streamer.errors import StreamerError
from streamer.events import Final
from streamer.terminal.region import LiveRegion
from streamer.terminal.saving import count_lines, saved_message
from streamer.terminal.tty.osc52 import copy_sequence
from streamer.terminal.view_model import ViewModel
from streamer.terminal.view_state import Undone, transcript

_UNAVAILABLE = "this key has nothing to do here"


@dataclass(frozen=True)
class ViewActions:
    """What the keys do outside of the view. Called from the key thread.

    An action that raises `StreamerError` becomes a message on the screen; any
    other exception ends the view and is raised by `LiveView.write` or `close`.

    Attributes:
        pause: releases the microphone.
        resume: opens it again.
        end_utterance: ends the current utterance.
        quit: shuts down gracefully, including the last words.
        undo: notes that the last final no longer counts.
        save: saves the transcript and returns the name of the file.
    """

    pause: Callable[[], None] | None = None
    resume: Callable[[], None] | None = None
    end_utterance: Callable[[], None] | None = None
    quit: Callable[[], None] | None = None
    undo: Callable[[Final], None] | None = None
    save: Callable[[str], str] | None = None


class KeyHandler:
    """Carries out keys.

    Args:
        actions: what happens outside of the view.
        model: the view's state.
        region: the view's region on the terminal.
    """

    def __init__(self, actions: ViewActions, model: ViewModel, region: LiveRegion) -> None:
        self._actions = actions
        self._model = model
        self._region = region
        self._handlers: dict[str, Callable[[], None]] = {
            " ": self._pause_or_resume,
            "\n": lambda: self._call(actions.end_utterance, "utterance ended"),
            "u": self._undo,
            "c": self._copy,
            "s": self._save,
            "t": self._toggle_timestamps,
            "?": lambda: model.change(help=not model.state.help),
            "q": lambda: self._call(actions.quit, "finishing"),
            "\x0c": self._redraw,  # Ctrl-L, as everywhere
        }

    def press(self, key: str) -> None:
        """Carry out a key; unknown keys do nothing."""
        handler = self._handlers.get(key)
        if handler is None:
            return
        try:
            handler()
        except StreamerError as error:
            self._model.say(f"error: {error}")

    def _call(self, action: Callable[[], None] | None, done: str) -> None:
        if action is None:
            self._model.say(_UNAVAILABLE)
            return
        action()
        self._model.say(done)

    def _pause_or_resume(self) -> None:
        pause = not self._model.state.paused
        action = self._actions.pause if pause else self._actions.resume
        if action is None:
            self._model.say("this source cannot be paused")
            return
        action()
        self._model.change(paused=pause)

    def _undo(self) -> None:
        state, last = self._model.undo()
        if last is None:
            self._model.say("nothing to undo")
            return
        if Undone(last.display) not in state.pending:  # not drawn yet: the scrollback is silent
            self._model.say(f"undone: {last.display}")
        if self._actions.undo is not None:
            self._actions.undo(last)

    def _copy(self) -> None:
        state = self._model.state
        if not state.finals:
            self._model.say("nothing to copy yet")
            return
        self._region.write(copy_sequence(transcript(state)))
        self._model.say(f"{count_lines(state)} sent to the clipboard")

    def _save(self) -> None:
        state = self._model.state
        if self._actions.save is None:
            self._model.say(_UNAVAILABLE)
        elif not state.finals:
            self._model.say("nothing to save yet")
        else:
            name = self._actions.save(transcript(state))
            self._model.say(saved_message(state, name))

    def _toggle_timestamps(self) -> None:
        on = not self._model.state.timestamps
        self._model.change(timestamps=on)
        self._model.say(f"times {'on' if on else 'off'}")

    def _redraw(self) -> None:
        self._region.forget()
        self._model.change()
