"""The live region as rows: a pure function of a state, a size and what is laid out so far.

From top to bottom: the words that are not complete yet, a blank row, the open panel, the
status row. While a message has no room in the status row, it takes the blank row.
"""

from __future__ import annotations

from typing import NamedTuple

from streamer.terminal.drawing.layout import Layout, layout_of
from streamer.terminal.drawing.panels import message_rows, panel_rows
from streamer.terminal.drawing.prose import Line, flow, line_row
from streamer.terminal.drawing.status import status_row
from streamer.terminal.drawing.style import Row, Span, clipped
from streamer.terminal.drawing.theme import Theme
from streamer.terminal.drawing.typesetter import Typesetter
from streamer.terminal.drawing.wrapping import printable, wrap
from streamer.terminal.view_state import ViewState

#: Said while a line is edited.
EDITING = "enter keeps it, esc leaves it as it was"


class Region(NamedTuple):
    """The rows of the live region.

    Attributes:
        text: the words.
        below: what stands under them: the blank row, the panel, the status row.
    """

    text: list[Row]
    below: list[Row]

    def rows(self, text_rows: int = 0) -> list[Row]:
        """Return all rows.

        Args:
            text_rows: rows for the words at least; blank ones under them keep the
                status row in its place.
        """
        return [*self.text, *[()] * (text_rows - len(self.text)), *self.below]


def render(state: ViewState, setter: Typesetter, width: int, height: int) -> Region:
    """Draw the live region.

    Args:
        state: what to draw.
        setter: what is laid out so far.
        width: columns of the terminal.
        height: rows of the terminal; the region takes at most ``height - 1``.
    """
    layout, theme = layout_of(width), setter.theme
    room = max(height - 1, 2)
    below = _below(state, layout, theme)
    if len(below) > room - 1:  # words take precedence, and the status row is the last to go
        below = [*below[: max(room - 2, 0)], below[-1]]
    text = _text(state, setter, layout)
    rows_left = room - len(below)
    if len(text) > rows_left:
        text = text[-rows_left:]
        if layout.margin:
            text[0] = _marked(text[0], theme.glyphs.ellipsis[0], layout, theme)
    return Region([clipped(r, width - 1) for r in text], [clipped(r, width - 1) for r in below])


def _text(state: ViewState, setter: Typesetter, layout: Layout) -> list[Row]:
    theme = setter.theme
    air: list[Row] = [] if setter.written else [()]
    edit = state.edit
    if edit is None:
        rows = _lines(setter.open_lines(state, layout), state, layout, theme)
    else:
        place = max(edit.place - len(state.finals) + len(state.held), 0)
        here = len(state.held) > place
        before = setter.tokens(state, 0, place)
        after = setter.tokens(state, place + 1, None) if here else setter.partial(state)
        rows = [
            *_lines(flow(before, layout.text), state, layout, theme),
            *_editor_rows(edit.line.text, edit.line.at, layout, theme),
            *_lines(flow(after, layout.text), state, layout, theme),
        ]
    if rows:
        return [*air, *rows]
    hint = _hint(state)
    return [*air, [Span(" " * layout.margin), Span(hint, theme.quiet)] if hint else ()]


def _lines(lines: list[Line], state: ViewState, layout: Layout, theme: Theme) -> list[Row]:
    return [line_row(line, layout, theme, state.timestamps) for line in lines]


def _editor_rows(text: str, at: int, layout: Layout, theme: Theme) -> list[Row]:
    """Draw the line that is being edited, with its cursor."""
    shown = printable(text) + " "  # the cursor may stand behind the text
    at = len(printable(text[:at]))
    rows: list[Row] = []
    # Rows keep the spaces at their ends here: the cursor may stand on one.
    starts = [start for start, _ in wrap(shown, layout.text - 1)] or [0]
    starts[0] = 0
    for number, start in enumerate(starts):
        end = starts[number + 1] if number + 1 < len(starts) else len(shown)
        margin = theme.glyphs.prompt.ljust(layout.margin) if not number else " " * layout.margin
        here = min(max(at, start), end)
        rows.append(
            [
                Span(margin, theme.accent),
                Span(shown[start:here]),
                Span(shown[here : here + 1] if start <= at < end else "", theme.cursor),
                Span(shown[here + 1 : end] if start <= at < end else shown[here:end]),
            ]
        )
    return rows


def _below(state: ViewState, layout: Layout, theme: Theme) -> list[Row]:
    status, said = status_row(state, layout.columns, theme)
    notes: list[Row] = []
    if state.notice is not None:
        what = f"{state.notice.what} {theme.glyphs.separator.strip()} {state.notice.todo}"
        notes += message_rows(what, layout.columns, theme.warning)
    if state.edit is not None:
        notes += message_rows(EDITING, layout.columns, theme.quiet)
    elif state.message is not None and not said:
        notes += message_rows(state.message, layout.columns, theme.quiet)
    panel = panel_rows(state, layout.columns, theme)
    if panel:
        panel = [*panel, ()]
    rows = [(), *notes, *panel] if panel or state.notice is not None else notes or [()]
    if state.notice is not None and not panel:
        rows.append(())
    return [_indented(row, layout) for row in (*rows, status)]


def _indented(row: Row, layout: Layout) -> Row:
    return [Span(" " * layout.margin), *row] if row else row


def _marked(row: Row, mark: str, layout: Layout, theme: Theme) -> Row:
    """Put a mark into the margin of a row: there is more before it."""
    return [Span(mark.ljust(layout.margin), theme.quiet), *row[1:]] if row else row


def _hint(state: ViewState) -> str:
    """Return what stands in place of words before there are any."""
    if state.paused:
        return "the microphone is released; space opens it again"
    if state.finals or state.partial is not None:
        return ""
    if not state.opened:
        return "loading the model"
    return "speak now" if state.info.microphone else ""
