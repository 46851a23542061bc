"""Dictation on a stream of events: finals and closes in, the same and edits out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from streamer.events import Close, Event, Final, Partial, Word
from streamer.output.edit import Edit
from streamer.text.commands import Match
from streamer.text.dictated import DictatedText
from streamer.text.written import WrittenForm

#: What may stand between an utterance and the one before it.
_JOINING = ".,?!:; \n\t"


class EventRewriter:
    """Carries out spoken commands; a final displays what they made of it.

    ``text`` and the words stay as spoken. Of a partial nothing is stable in display: until the
    utterance ends, "new" may become a line break.

    Args:
        form: writes the words.
        match: finds commands.
        paragraphs: whether a long silence begins a paragraph.

    Attributes:
        stop_requested: whether "stop listening" was said.
    """

    def __init__(self, form: WrittenForm, match: Match, paragraphs: bool = True) -> None:
        self._match = match
        self._dictated = DictatedText(form, paragraphs)
        self.stop_requested = False

    def rewrite(self, event: Event) -> list[Event | Edit]:
        """Return an event, rewritten if needed, followed by its edit if there is one."""
        if isinstance(event, Partial):
            return [replace(event, display_stable="")]
        if isinstance(event, Final):
            return self._final(event)
        if isinstance(event, Close):
            before = self._dictated.text
            self._dictated.close()
            edit = _edit(event.segment, before, self._dictated.text)
            return _with_edit(replace(event, display=edit.insert), edit)
        return [event]

    def _final(self, event: Final) -> list[Event | Edit]:
        before = self._dictated.text
        words = event.text.split()
        times = None
        pauses = [0.0] * (len(words) - 1)
        if len(event.words) == len(words):
            times = [(word.start, word.end) for word in event.words]
            pauses = _pauses(event.words)
        if self._dictated.utterance(words, pauses, times, self._match):
            self.stop_requested = True
        edit = _edit(event.segment, before, self._dictated.text)
        if edit.delete:
            display, join = self._dictated.last_utterance.lstrip(" "), ""
        else:
            display = edit.insert.lstrip(_JOINING)
            join = edit.insert[: len(edit.insert) - len(display)]
        return _with_edit(replace(event, display=display, join=join), edit)


class PlainEdits:
    """Adds the edits that write a stream without dictation, for ``--type``.

    A paragraph stays in its line: only what somebody says presses a key that sends a message.
    """

    stop_requested = False

    def rewrite(self, event: Event) -> list[Event | Edit]:
        """Return an event, followed by its edit if it writes something."""
        if isinstance(event, Final):
            space = " " if event.space else ""
            return _with_edit(event, Edit(event.segment, 0, event.mark + space + event.display))
        if isinstance(event, Close):
            return _with_edit(event, Edit(event.segment, 0, event.display))
        return [event]


def _pauses(words: Sequence[Word]) -> list[float]:
    """Return the silence behind each word but the last, in seconds."""
    return [max(0.0, after.start - word.end) for word, after in zip(words, words[1:])]


def _edit(segment: int, before: str, after: str) -> Edit:
    kept = _common_length(before, after)
    return Edit(segment, len(before) - kept, after[kept:])


def _with_edit(event: Event, edit: Edit) -> list[Event | Edit]:
    return [event, edit] if edit.delete or edit.insert else [event]


def _common_length(one: str, other: str) -> int:
    """Return the length of the common prefix of two texts."""
    if other.startswith(one):
        return len(one)
    for position, (a, b) in enumerate(zip(one, other)):
        if a != b:
            return position
    return len(other)
