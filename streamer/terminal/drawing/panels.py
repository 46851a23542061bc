"""What keys open above the status row: help, figures, the search."""

from __future__ import annotations

from collections.abc import Sequence

from streamer.terminal.drawing.style import Row, Span, Style, columns_of, row_columns
from streamer.terminal.drawing.theme import Theme
from streamer.terminal.drawing.wrapping import cut, printable, wrap
from streamer.terminal.search import Search, matches
from streamer.terminal.times import format_time
from streamer.terminal.view_state import SILENT_DBFS, ViewState

#: Keys and what they do, in the order of the help.
KEYS: tuple[tuple[str, str], ...] = (
    ("space", "pause"),
    ("enter", "end here"),
    ("u", "undo last"),
    ("e", "edit last"),
    ("x", "copy last"),
    ("c", "copy all"),
    ("s", "save"),
    ("/", "find"),
    ("t", "times"),
    ("m", "underline"),
    ("i", "figures"),
    ("?", "close"),
    ("q", "quit"),
)
#: Between a name and what belongs to it, and between two columns of a panel.
AFTER_NAME = 2
BETWEEN = 4
#: Columns that a figure's name takes at most.
FIGURE_COLUMNS = 11
#: Rows of a found line at most.
FOUND_ROWS = 3


def panel_rows(state: ViewState, columns: int, theme: Theme) -> list[Row]:
    """Draw the open panel; no rows if none is open."""
    if state.search is not None:
        return search_rows(state, state.search, columns, theme)
    if state.panel == "help":
        return help_rows(columns, theme)
    if state.panel == "figures":
        return figure_rows(state, columns, theme)
    return []


def help_rows(columns: int, theme: Theme) -> list[Row]:
    """Draw the keys and what they do, in as many columns as there is room for."""
    rows = table(KEYS, columns, theme.strong, theme.quiet)
    note = [Span("underlined", theme.unsure), Span(": may be wrong", theme.quiet)]
    return [*rows, (), note] if columns >= row_columns(note) else rows


def figure_rows(state: ViewState, columns: int, theme: Theme) -> list[Row]:
    """Draw the figures of the stream, with their names."""
    room = max(columns - FIGURE_COLUMNS, 4)
    cells = [
        (name, cut(printable(value), room, theme.glyphs.ellipsis)) for name, value in figures(state)
    ]
    return table(cells, columns, theme.quiet, theme.text)


def figures(state: ViewState) -> list[tuple[str, str]]:
    """Return the figures of the stream: names and values."""
    stats, info = state.stats, state.info
    p50, p95 = state.screen_p50_ms, state.screen_p95_ms
    if p50 is None and stats is not None:
        p50, p95 = stats.latency_p50_ms, stats.latency_p95_ms
    late = "-" if p50 is None or p95 is None else f"{p50:.0f} ms, p95 {p95:.0f} ms"
    rows = [("on screen", late)]
    if stats is not None:
        rows.append(("computing", f"{stats.real_time_factor:.3f} s a second"))
        if stats.chunk_p50_ms is not None:
            rows.append(("network", f"{stats.chunk_p50_ms:.1f} ms a chunk"))
        rows.append(("level", f"{_level(stats.level_dbfs)}, peak {_level(stats.peak_dbfs)}"))
    rows.append(("lost", f"{state.lost_samples} samples"))
    rate = f"{info.rate_hz / 1000:g} kHz" if info.rate_hz else "-"
    rows.append(("sound", rate))
    rows.append(("model", info.model or "-"))
    rows.append(("runs on", f"{info.backend} {info.compute_unit}".strip() or "-"))
    return rows


def search_rows(state: ViewState, search: Search, columns: int, theme: Theme) -> list[Row]:
    """Draw the line that is looked for, what was found, and how many there are."""
    found = matches(search.query, [final.display for final in state.finals])
    glyphs = theme.glyphs
    prompt = [Span(f"{glyphs.prompt} ", theme.accent), Span(search.query), Span(" ", theme.cursor)]
    if not search.query:
        return [[*prompt, Span(" find in what was said", theme.quiet)]]
    if not found:
        return [[*prompt, Span("  not found", theme.quiet)]]
    place = search.place % len(found)
    count = f"{len(found) - place} of {len(found)}"
    final = state.finals[found[-1 - place]]
    rows: list[Row] = [[*prompt, Span(f"  {count}, at {format_time(final.start)}", theme.quiet)]]
    text = printable(final.display.replace("\n", " "))
    at = text.casefold().find(search.query.casefold())
    end = at + len(search.query)
    for begin, stop in wrap(text, columns)[:FOUND_ROWS]:
        rows.append(
            [
                Span(text[begin : max(begin, min(at, stop))]),
                Span(text[max(begin, at) : min(end, stop)], theme.found),
                Span(text[max(begin, min(end, stop)) : stop]),
            ]
        )
    return rows


def table(
    cells: Sequence[tuple[str, str]], columns: int, name_style: Style, style: Style
) -> list[Row]:
    """Arrange names and what belongs to them in columns, read from top to bottom.

    Args:
        cells: the names, and what belongs to them.
        columns: room; as many columns of cells as fit.
        name_style: style of the names.
        style: style of the rest.
    """
    for across in range(len(cells), 0, -1):
        down = -(-len(cells) // across)
        stacks = [cells[at : at + down] for at in range(0, len(cells), down)]
        names = [max(columns_of(name) for name, _ in stack) + AFTER_NAME for stack in stacks]
        values = [max(columns_of(value) for _, value in stack) for stack in stacks]
        if sum(names) + sum(values) + BETWEEN * (len(stacks) - 1) <= columns or across == 1:
            break
    rows: list[Row] = []
    for number in range(down):
        row: list[Span] = []
        for stack, name_room, value_room in zip(stacks, names, values):
            if number >= len(stack):
                continue
            name, value = stack[number]
            row += [Span(name + " " * (name_room - columns_of(name)), name_style)]
            row += [Span(value, style), Span(" " * (value_room + BETWEEN - columns_of(value)))]
        rows.append(row[:-1])
    return rows


def message_rows(message: str, columns: int, style: str) -> list[Row]:
    """Draw a message in rows of its own."""
    text = printable(message)
    return [[Span(text[start:end], style)] for start, end in wrap(text, columns)]


def _level(dbfs: float) -> str:
    return f"{dbfs:.0f} dB" if dbfs > SILENT_DBFS else "silent"
