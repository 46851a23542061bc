"""Written form of finals of which some come from another engine."""

from __future__ import annotations

import re
from dataclasses import replace

from streamer.engine.written_stream import WrittenStream
from streamer.events import Close, Final
from streamer.finals.engine import Said
from streamer.finals.word_times import word_times
from streamer.text.model import TextModel
from streamer.text.options import WritingOptions

#: Marks that end an utterance; an ellipsis and a dash say that it goes on.
_CLOSING = re.compile(r"[\s.,?!:;…—–-]+$")
_ENDS = ".?!"
#: What is spoken the same: curly apostrophes, and dashes between words.
_PLAIN = str.maketrans({"’": "'", "‘": "'", "-": " ", "–": " ", "—": " "})


class FinalWriter:
    """Gives finals their words, display and join, in order.

    An engine that writes marks and capitals itself is left its writing; the words of others
    are written by our text model.

    Args:
        name: of the engine.
        own_name: of our model, for finals that the engine did not give.
        text_model: of the language; None if it has none.
        options: what is written.
    """

    def __init__(
        self, name: str, own_name: str, text_model: TextModel | None, options: WritingOptions
    ) -> None:
        self._name = name
        self._own_name = own_name
        self._options = options
        self._written = WrittenStream(text_model, options)
        # Whether the engine writes, and the mark that ends the last final; None: ours.
        self._engine_writes = False
        self._mark: str | None = None

    def final(self, ours: Final, said: Said | None) -> Final:
        """Return a final with the engine's words; with ours where it gave none."""
        self._engine_writes = self._engine_writes or (said is not None and said.written)
        theirs = None if said is None else spoken_words(said.text)
        if said is None or not theirs:
            return self._write(replace(ours, engine=self._own_name), None)
        text = " ".join(theirs)
        if len(said.words) == len(theirs):
            words = tuple(
                replace(
                    word,
                    start=min(ours.start + word.start, ours.end),
                    end=min(ours.start + word.end, ours.end),
                )
                for word in said.words
            )
        else:
            words = word_times(theirs, ours.words, ours.start, ours.end, said.confidence)
        others = [other for other in (ours.text, *ours.alternatives) if other != text]
        final = replace(
            ours,
            text=text,
            stable=text,
            words=words,
            alternatives=tuple(dict.fromkeys(others)),
            engine=self._name,
        )
        return self._write(final, said)

    def close(self, close: Close) -> Close:
        """Return a close with the mark of the final before it."""
        ours = self._written.close() or ""
        mark, self._mark = self._mark, None
        if not self._engine_writes:
            return replace(close, display=ours)
        return close if mark is None else replace(close, display=mark)

    def _write(self, final: Final, said: Said | None) -> Final:
        display = self._written.final(final.text, final.words, final.end)
        if not self._engine_writes:
            return replace(final, display=display.text, join=display.join)
        before, self._mark = self._mark, None
        theirs = said is not None and said.written
        if not self._options.punctuation:
            return replace(final, display=final.text if theirs else final.display)
        mark = final.mark if before is None else before
        space = final.space
        if theirs:
            assert said is not None
            text = said.text.strip()
            shown = _CLOSING.sub("", text) or final.text
            self._mark = next((c for c in text[len(shown) :] if c in _ENDS), "")
            if space and shown[:1].isupper() and mark not in tuple(_ENDS):
                mark = "."
        else:
            shown = final.display
            if mark in tuple(_ENDS):
                shown = shown[:1].upper() + shown[1:]
        return replace(final, display=shown, join=mark + space)


def spoken_words(text: str) -> list[str]:
    """Return the words of a written text as spoken, as far as that is known.

    Marks and capitals go; numbers that the engine wrote in digits stay.
    """
    found = []
    for word in text.translate(_PLAIN).lower().split():
        plain = re.sub(r"^[^\w$£€']+|[^\w%']+$", "", word).strip("'")
        if plain:
            found.append(plain)
    return found
