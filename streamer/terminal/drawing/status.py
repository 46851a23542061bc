"""The status row: state, time, level, what is wrong, device, key of the help."""

from __future__ import annotations

from streamer.terminal.drawing.style import Row, Span, columns_of, joined, row_columns, spread
from streamer.terminal.drawing.theme import Glyphs, Theme
from streamer.terminal.drawing.wrapping import cut, printable
from streamer.terminal.times import format_time
from streamer.terminal.view_state import ViewState

#: Columns of the level meter, without its label and ends: in narrow windows, and in others.
NARROW_METER, METER = 4, 8
#: A row of fewer columns has the narrow meter.
METER_NEEDS = 56
#: The lower end of the meter, in dBFS.
METER_FLOOR_DBFS = -60.0
#: Between two items of the row.
GAP = "  "
#: The state's name takes this many columns, so that the time never moves.
STATE_COLUMNS = 9
#: Words this late are worth a word, in ms.
SLOW_MS = 2000.0
#: A name cut to fewer columns says nothing.
SHORTEST_NAME = 6

Item = list[Span]


def status_row(state: ViewState, columns: int, theme: Theme) -> tuple[Row, bool]:
    """Draw the status row.

    Args:
        state: what to draw.
        columns: room for it.
        theme: styles and glyphs.

    Returns:
        The row, and whether the message, if there is one, found room in it.
    """
    items = [_state_item(state, theme), [Span(format_time(state.time), theme.quiet)]]
    items.append(_meter(state, meter_columns(columns), theme))
    alerts = _alerts(state, theme)
    keys = [Span("?", theme.strong), Span(" keys", theme.quiet)] if state.keys else []
    # What matters least goes first where there is no room: keys, meter, time.
    row = _row([*items, *alerts])
    if row_columns(row) > columns:
        row = _row([items[0], items[1], *alerts])
    if row_columns(row) > columns:
        row = _row([items[0], *alerts])
    room = columns - row_columns(row)
    if state.message is not None:
        message = printable(state.message)
        if columns_of(message) + len(GAP) <= room:
            return [*row, Span(GAP), Span(message, theme.quiet)], True
    if keys and row_columns(keys) + len(GAP) > room:
        keys = keys[:1]
    if row_columns(keys) + len(GAP) > room:
        keys = []
    name_room = room - len(GAP) - (row_columns(keys) + len(GAP) if keys else 0)
    name = printable(state.info.device)
    if name_room >= SHORTEST_NAME and name:
        row = [*row, Span(GAP), Span(cut(name, name_room, theme.glyphs.ellipsis), theme.quiet)]
    return spread(row, keys, columns), False


def meter_columns(columns: int) -> int:
    """Return the width of the meter in a row."""
    return METER if columns >= METER_NEEDS else NARROW_METER


def meter_bar(level_dbfs: float, columns: int, glyphs: Glyphs) -> str:
    """Return the filled part of a meter."""
    share = (level_dbfs - METER_FLOOR_DBFS) / -METER_FLOOR_DBFS
    steps = len(glyphs.part_bars) + 1
    filled = round(min(max(share, 0.0), 1.0) * columns * steps)
    whole, part = divmod(filled, steps)
    return glyphs.bar * whole + (glyphs.part_bars[part - 1] if part else "")


def is_slow(state: ViewState) -> bool:
    """Return whether words come so late that the user should know."""
    return state.latency_ms is not None and state.latency_ms > SLOW_MS


def _row(items: list[Item]) -> list[Span]:
    row: list[Span] = []
    for item in items:
        row += [Span(GAP), *item] if row else item
    return row


def _state_item(state: ViewState, theme: Theme) -> Item:
    glyphs = theme.glyphs
    if state.loading:
        mark = Span(glyphs.spinner[state.spinner % len(glyphs.spinner)], theme.accent)
        word = "loading"
    elif state.paused:
        mark, word = Span(glyphs.pause, theme.warning), "paused"
    else:
        speaking = state.stats is not None and state.stats.speaking
        mark = Span(glyphs.dot, theme.accent if speaking else theme.quiet)
        word = state.info.doing
    return [mark, Span(f" {word:{STATE_COLUMNS}}")]


def _meter(state: ViewState, columns: int, theme: Theme) -> Item:
    stats, glyphs = state.stats, theme.glyphs
    bar = ""
    if stats is not None and not state.paused:
        bar = meter_bar(stats.level_dbfs, columns, glyphs)
    # A recording's label is as wide as a microphone's: nothing moves once the source is open.
    label = "mic" if state.info.microphone else "vol"
    return [
        Span(label + glyphs.left, theme.quiet),
        Span(bar, joined(theme.accent, theme.track)),
        Span(glyphs.no_bar * (columns - len(bar)), joined(theme.quiet, theme.track)),
        Span(glyphs.right, theme.quiet),
    ]


def _alerts(state: ViewState, theme: Theme) -> list[Item]:
    alerts: list[Item] = []
    if state.lost_s > 0:
        alerts.append([Span(f"lost {state.lost_s:.1f} s", theme.loss)])
    if state.stats is not None and state.stats.time < state.clip_until:
        alerts.append([Span("clipping", theme.warning)])
    if is_slow(state):
        alerts.append([Span("slow", theme.warning)])
    return alerts
