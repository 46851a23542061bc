"""The keys of the live view: what each one does."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Callable

from streamer.errors import StreamerError
from streamer.events import Final
from streamer.terminal.region import LiveRegion
from streamer.terminal.saving import count_lines
from streamer.terminal.search import Search
from streamer.terminal.tty.osc52 import copy_sequence
from streamer.terminal.view_model import LEGEND, ViewModel
from streamer.terminal.view_state import (
    Undone,
    begin_edit,
    end_edit,
    lines,
    replaced_words,
    transcript,
)

_UNAVAILABLE = "this key has nothing to do here"
#: How long the offer to remember a correction stands, in seconds.
OFFER_S = 8.0
#: Keys that leave the editor or the search without doing anything.
_LEAVE = ("escape", "\x07")
_OLDER, _NEWER = ("up", "\n", "\x10"), ("down", "\x0e")


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
        edit: notes that a final has another text now.
        save: saves the transcript and returns the name of the file.
        remember: notes what should be written for what is heard.
    """

    pause: Callable[[], None] | None = None
    resume: Callable[[], None] | None = None
    end_utterance: Callable[[], None] | None = None
    quit: Callable[[], None] | None = None
    undo: Callable[[Final], None] | None = None
    edit: Callable[[str], None] | None = None
    save: Callable[[str], str] | None = None
    remember: Callable[[str, str], None] | None = None


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
        self._offer: tuple[str, str] | None = None
        self._handlers: dict[str, Callable[[], None]] = {
            " ": self._pause_or_resume,
            "\n": lambda: self._call(actions.end_utterance, "utterance ended"),
            "u": self._undo,
            "e": self._edit,
            "x": self._copy_last,
            "c": self._copy,
            "s": self._save,
            "t": self._toggle_timestamps,
            "m": self._toggle_marks,
            "i": lambda: self._toggle_panel("figures"),
            "?": lambda: self._toggle_panel("help"),
            "/": lambda: model.change(search=Search(), panel=None),
            "r": self._remember,
            "escape": lambda: model.change(panel=None),
            "q": lambda: self._call(actions.quit, "finishing"),
            "\x0c": self._redraw,  # Ctrl-L, as everywhere
        }

    def press(self, key: str) -> None:
        """Carry out a key; unknown keys do nothing."""
        try:
            state = self._model.state
            if state.edit is not None:
                self._press_in_editor(key)
            elif state.search is not None:
                self._press_in_search(key)
            elif key in self._handlers:
                self._handlers[key]()
        except StreamerError as error:
            self._model.say(f"error: {error}")

    def _press_in_editor(self, key: str) -> None:
        edit = self._model.state.edit
        assert edit is not None
        if key in _LEAVE:
            self._model.change(edit=None)
        elif key == "\n":
            state = self._model.apply(end_edit)
            text = state.finals[edit.place].display
            if text == edit.before:
                return
            if self._actions.edit is not None:
                self._actions.edit(text)
            self._offer_to_remember(edit.before, edit.line.text)
        else:
            self._model.change(edit=replace(edit, line=edit.line.press(key)))

    def _offer_to_remember(self, before: str, after: str) -> None:
        self._offer = replaced_words(before, after) if self._actions.remember else None
        if self._offer is not None:
            heard, written = self._offer
            self._model.say(f'r: always write "{written}" for "{heard}"', OFFER_S)

    def _remember(self) -> None:
        if self._offer is None or self._actions.remember is None:
            return
        (heard, written), self._offer = self._offer, None
        self._actions.remember(heard, written)
        self._model.say(f'"{written}" is remembered')

    def _press_in_search(self, key: str) -> None:
        search = self._model.state.search
        assert search is not None
        if key in _LEAVE or (key == "\x7f" and not search.query):
            self._model.change(search=None)
        elif key in _OLDER:
            self._model.change(search=replace(search, place=search.place + 1))
        elif key in _NEWER:
            self._model.change(search=replace(search, place=search.place - 1))
        elif key in ("\x7f", "\x08"):
            self._model.change(search=Search(search.query[:-1]))
        elif key == "\x15":
            self._model.change(search=Search())
        elif len(key) == 1 and key.isprintable():
            self._model.change(search=Search(search.query + key))

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
        if Undone(last.display) not in state.pending:  # the scrollback says so by itself
            self._model.say("undone")
        if self._actions.undo is not None:
            self._actions.undo(last)

    def _edit(self) -> None:
        if self._model.state.finals:
            self._model.apply(begin_edit)
        else:
            self._model.say("nothing to edit yet")

    def _copy(self) -> None:
        self._copy_text(transcript(self._model.state))

    def _copy_last(self) -> None:
        finals = self._model.state.finals
        self._copy_text(finals[-1].display if finals else "")

    def _copy_text(self, text: str) -> None:
        if not text:
            self._model.say("nothing to copy yet")
            return
        self._region.write(copy_sequence(text))
        words = len(text.split())
        self._model.say(f"{words} word{'' if words == 1 else 's'} sent to the clipboard")

    def _save(self) -> None:
        state = self._model.state
        if self._actions.save is None:
            self._model.say(_UNAVAILABLE)
        elif not state.finals:
            self._model.say("nothing to save yet")
        else:
            name = self._actions.save(lines(state))
            self._model.change(saved=(name, len(state.finals)))
            self._model.say(f"{count_lines(state)} saved in {name}")

    def _toggle_timestamps(self) -> None:
        on = not self._model.state.timestamps
        self._model.change(timestamps=on)
        self._model.say(f"times {'on' if on else 'off'}")

    def _toggle_marks(self) -> None:
        on = not self._model.state.marks
        self._model.change(marks=on)
        self._model.say(LEGEND if on else "nothing is underlined")

    def _toggle_panel(self, name: str) -> None:
        shown = self._model.state.panel
        self._model.change(panel=None if shown == name else name)

    def _redraw(self) -> None:
        self._region.forget()
        self._model.change()
