"""The border between scrollback and live region: which rows are complete.

A row that is full of final words never changes again and goes to the scrollback. The
last, unfinished row of the paragraph stays in the region, so that the next utterance
goes on in it.

Words that the model is not sure of are marked in the region only: where they can still be
edited. What scrolls away is plain.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from streamer.events import Final, Gap, Partial
from streamer.terminal.drawing.layout import Layout
from streamer.terminal.drawing.prose import (
    Line,
    Token,
    final_tokens,
    flow,
    line_row,
    partial_tokens,
    plain_tokens,
)
from streamer.terminal.drawing.style import Row, Style
from streamer.terminal.drawing.theme import Theme
from streamer.terminal.view_state import Farewell, Note, ScrollbackItem, Undone, ViewState


class Typesetter:
    """Lays out the transcript of one view, from its first word to its last.

    Attributes:
        theme: styles and glyphs; may be replaced between frames.
    """

    def __init__(self, theme: Theme) -> None:
        self.theme = theme
        self._carry: list[Token] = []
        self._written = False
        self._final: tuple[object, float, list[Token]] = (None, 0.0, [])
        self._partial: tuple[object, float, list[Token]] = (None, 0.0, [])

    def scroll(
        self, items: Iterable[ScrollbackItem], state: ViewState, layout: Layout
    ) -> list[Row]:
        """Return the rows that go to the scrollback with some items.

        Args:
            items: what has become final, in order.
            state: says whether times are shown.
            layout: the columns.
        """
        lines: list[Line] = []
        for item in items:
            if isinstance(item, Final):
                tokens = final_tokens(item, self.theme, doubtful=0.0)
                if not tokens:
                    continue
                if tokens[0].breaks > 1 and not self._carry and (self._written or lines):
                    lines.append(Line(()))
                *full, last = flow([*self._carry, *tokens], layout.text)
                self._carry = list(last.tokens)
                lines += full
                continue
            lines += self._flush()
            if isinstance(item, Farewell) and (self._written or lines):
                lines.append(Line(()))
            lines += flow(plain_tokens(*self._described(item)), layout.columns) or [Line(())]
        return self._rows(lines, state, layout)

    def flush(self, state: ViewState, layout: Layout) -> list[Row]:
        """Return the unfinished row, for the scrollback."""
        return self._rows(self._flush(), state, layout)

    def open_lines(self, state: ViewState, layout: Layout) -> list[Line]:
        """Return the rows of the region: what is not complete yet."""
        return flow(self.tokens(state, 0, None), layout.text)

    def tokens(self, state: ViewState, begin: int, end: int | None) -> list[Token]:
        """Return words that are not complete yet.

        Args:
            state: what to draw.
            begin: the first of the held finals; 0 includes the row before it.
            end: the last one, exclusive; None includes the partial.
        """
        tokens = [] if begin else list(self._carry)
        for final in state.held[begin:end]:
            tokens += self._final_tokens(final, state)
        return tokens if end is not None else [*tokens, *self.partial(state)]

    def final_words(self, state: ViewState) -> str:
        """Return the final words that have not gone to the scrollback, in one line."""
        pending = tuple(item for item in state.pending if isinstance(item, Final))
        held = (*pending, *state.held)
        tokens = self.tokens(replace(state, held=held), 0, len(held))
        return " ".join("".join(span.text for span in token.spans) for token in tokens)

    def partial(self, state: ViewState) -> list[Token]:
        """Return the words of the partial; the same object for the same partial."""
        partial = state.partial
        if partial is None:
            return []
        before, limit, tokens = self._partial
        if before is not partial or limit != state.doubtful:
            new = _begins_paragraph(partial, state)
            tokens = partial_tokens(partial, self.theme, state.doubtful, new)
            self._partial = (partial, state.doubtful, tokens)
        return tokens

    def forget(self) -> None:
        """Draw what is not complete anew, because the theme has changed."""
        self._final = self._partial = (None, 0.0, [])

    @property
    def written(self) -> bool:
        """Whether anything has gone to the scrollback."""
        return self._written

    def _final_tokens(self, final: Final, state: ViewState) -> list[Token]:
        """Return the words of a final; the same object for the same one again.

        The last one is held for many frames, and its words are asked for twice in each.
        """
        before, limit, tokens = self._final
        if before is not final or limit != state.doubtful:
            tokens = final_tokens(final, self.theme, state.doubtful)
            self._final = (final, state.doubtful, tokens)
        return tokens

    def _flush(self) -> list[Line]:
        if not self._carry:
            return []
        carry, self._carry = self._carry, []
        return [Line(tuple(carry))]

    def _rows(self, lines: Sequence[Line], state: ViewState, layout: Layout) -> list[Row]:
        rows = [line_row(line, layout, self.theme, state.timestamps) for line in lines]
        if rows and not self._written:
            self._written = True
            return [(), *rows]  # air between the shell's prompt and the transcript
        return rows

    def _described(self, item: ScrollbackItem) -> tuple[str, Style]:
        theme = self.theme
        if isinstance(item, Gap):
            return f"lost {item.end - item.start:.2f} s of sound", theme.loss
        if isinstance(item, Undone):
            return f"undone: {item.text}", theme.quiet
        if isinstance(item, Farewell):
            return item.text, theme.quiet
        assert isinstance(item, Note)
        return item.text, theme.text


def _begins_paragraph(partial: Partial, state: ViewState) -> bool:
    """Whether the pause before a partial is one that begins a paragraph."""
    if not state.finals or not partial.words:
        return False
    last = state.finals[-1]
    before = last.words[-1].end if last.words else last.end
    return partial.words[0].start - before >= state.info.paragraph_s
