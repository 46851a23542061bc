"""Whole texts in their written form, at once or line by line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from streamer.text.commands import Match
from streamer.text.decisions import Times
from streamer.text.dictated import DictatedText
from streamer.text.model import TextModel, load_text_model
from streamer.text.numbers import DateStyle
from streamer.text.options import writing_options
from streamer.text.written import WrittenForm

#: Stands for a pause between words.
PAUSE = "|"
#: How long such a pause is, in seconds, and how long a word: the model only wants to know roughly.
_PAUSE_S = 0.6
_WORD_S = 0.3


def split_pauses(text: str) -> tuple[list[str], list[float]]:
    """Split a line at spaces, and return the words and the pauses behind them in seconds.

    Args:
        text: words, with ``|`` for a pause.
    """
    words: list[str] = []
    pauses: list[float] = []
    for word in text.split():
        if word == PAUSE:
            if pauses:
                pauses[-1] = _PAUSE_S
        else:
            words.append(word.lower())
            pauses.append(0.0)
    return words, pauses


def times_of(words: Sequence[str], pauses: Sequence[float]) -> list[tuple[float, float]] | None:
    """Return times that have these pauses; None without any pause, as they tell nothing then."""
    if not any(pauses[:-1]):
        return None
    times = []
    now = 0.0
    for _, pause in zip(words, pauses):
        times.append((now, now + _WORD_S))
        now += _WORD_S + pause
    return times


def write_out(
    words: str | Sequence[str],
    times: Times | None = None,
    *,
    punctuation: bool = True,
    numbers: bool = True,
    date_style: str = "dmy",
    fillers: bool = True,
    mask: bool = False,
    replacements: Mapping[str, str] | None = None,
    model: TextModel | None = None,
) -> str:
    """Return words in their written form, with capitals, marks and numbers.

    Args:
        words: as they are spoken; in a string separated by spaces, with ``|`` for a pause.
        times: begin and end of each word in seconds, where they are known.
        punctuation: whether to set marks and capitals.
        numbers: whether to write numbers in digits.
        date_style: ``dmy`` for 3 May 1982, ``mdy`` for May 3, 1982.
        fillers: whether to write um, uh and words repeated by mistake.
        mask: whether to write swear words as their first letter and stars.
        replacements: what to write for certain words, such as ``{"eye phone": "iPhone"}``.
        model: the text model; None for English.

    Raises:
        ValueError: there is not a time for each word, or no such `date_style`.
        UsageError: a replacement is not valid.
    """
    spoken, pauses = split_pauses(words if isinstance(words, str) else " ".join(words))
    if times is None:
        times = times_of(spoken, pauses)
    elif len(times) != len(spoken):
        raise ValueError(f"{len(times)} times for {len(spoken)} words")
    DateStyle(date_style)
    options = writing_options(False, punctuation, numbers, date_style, fillers, mask, replacements)
    form = WrittenForm(model or load_text_model(), options)
    text = form.final(spoken, times).text
    return text + form.close()


class TextWriter:
    """Writes lines of words, an utterance each, as they come.

    Args:
        form: writes the words.
    """

    def __init__(self, form: WrittenForm) -> None:
        self._form = form
        self.stopped = False

    def line(self, text: str) -> str:
        """Take an utterance; returns what is written further."""
        words, pauses = split_pauses(text)
        if not words:
            return ""
        written = self._form.final(words, times_of(words, pauses))
        return (written.join or "") + written.text

    def end(self) -> str:
        """End the paragraph; returns what is written further."""
        text = self._form.close()
        self._form.continue_after("")
        return text


class DictationWriter:
    """Writes lines of words with spoken commands; a paragraph is written when it has ended.

    Args:
        form: writes the words.
        match: finds commands.
    """

    def __init__(self, form: WrittenForm, match: Match) -> None:
        self._form = form
        self._match = match
        self._dictated = DictatedText(form)
        self.stopped = False

    def line(self, text: str) -> str:
        """Take an utterance; returns nothing, as the next one may take it back."""
        words, pauses = split_pauses(text)
        times = times_of(words, pauses)
        if self._dictated.utterance(words, pauses[:-1], times, self._match):
            self.stopped = True
        return ""

    def end(self) -> str:
        """End the paragraph; returns all of it."""
        self._dictated.close()
        text = self._dictated.text
        self._form.continue_after("")
        self._dictated = DictatedText(self._form)
        return text
