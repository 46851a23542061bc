"""Layout of the live view: pure functions of a state, a size and a theme.

Each row is at most ``width - 1`` columns wide, because terminals differ in
whether a row that fills the last column wraps.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from rich.cells import cell_len
from rich.style import Style
from rich.text import Text

from streamer.alignment import align
from streamer.events import Final, Gap, Notice, Word
from streamer.terminal.drawing.theme import Glyphs, Theme
from streamer.terminal.drawing.wrapping import printable, wrap
from streamer.terminal.view_state import Note, ScrollbackItem, Undone, ViewState

#: Keys and what they do, in the order of the help.
KEYS: tuple[tuple[str, str], ...] = (
    ("space", "pause, resume"),
    ("enter", "end the utterance"),
    ("u", "undo the last line"),
    ("c", "copy"),
    ("s", "save"),
    ("t", "times on, off"),
    ("?", "help"),
    ("q", "quit"),
)
#: Rows of a partial at most, so that it does not fill the screen.
MAX_PARTIAL_ROWS = 6
#: Columns of the level meter, without its ends.
METER_COLUMNS = 12
#: The lower end of the meter, in dBFS.
METER_FLOOR_DBFS = -60.0
#: The peak level from which the meter warns, in dBFS.
METER_LOUD_DBFS = -6.0

_WORD = re.compile(r"\S+")

#: One item of the status line, as styled text.
Fact = Text


def render(state: ViewState, width: int, height: int, theme: Theme) -> Text:
    """Draw the live region.

    Args:
        state: what to draw.
        width: columns of the terminal.
        height: rows of the terminal; the region takes at most ``height - 1``.
        theme: styles and glyphs.

    Returns:
        The rows, separated by line breaks: the partial (or a hint), the message
        and the help if there are any, the status.
    """
    columns = max(width - 1, 8)
    room = max(height - 1, 2)
    status = pack(status_facts(state, theme), columns, theme)
    extra: list[Text] = []
    if state.message:
        extra += _plain(state.message, columns, theme.warning)
    if state.help:
        extra += pack(help_facts(theme), columns, theme)
    # Words take precedence: rows that do not fit are cut from the bottom, with a mark.
    below = _fit(extra + status, room - 1, theme)
    rows_left = min(MAX_PARTIAL_ROWS, room - len(below))
    above: list[Text] = []
    if state.waiting is not None:
        above = _final_lines(state.waiting, columns, theme, state.timestamps)
        if len(above) >= rows_left:
            above = above[len(above) - rows_left + 1 :]
    rows = above + partial_lines(state, columns, rows_left - len(above), theme) + below
    return Text("\n", end="").join(rows)


def partial_lines(state: ViewState, columns: int, max_rows: int, theme: Theme) -> list[Text]:
    """Draw the partial: its last rows, after an ellipsis if it is cut."""
    partial = state.partial
    if partial is None or not partial.display:
        # A blank row keeps the region from jumping when words appear.
        return _plain(_hint(state), columns, theme.quiet)[-max_rows:] or [Text("")]
    text = _one_line(partial.display)
    styled = Text(text, style=theme.volatile)
    styled.stylize(theme.stable, 0, len(partial.display_stable))
    _mark_unsure(styled, partial.words, theme)
    rows = wrap(text, columns)
    if len(rows) <= max_rows:
        return [styled[start:end] for start, end in rows]
    # Drop words at the beginning of the row to make room for the ellipsis.
    cut = rows[-max_rows:]
    mark = theme.glyphs.ellipsis
    start, end = cut[0]
    while start < end and cell_len(text[start:end]) + cell_len(mark) > columns:
        start += 1
    if start > cut[0][0] and text[start - 1] != " ":
        # Inside a word: move on to the next one in the row, if there is one.
        space = text.find(" ", start, end)
        start = space + 1 if space >= 0 else start
    first = Text.assemble((mark, theme.quiet), styled[start:end])
    return [first] + [styled[a:b] for a, b in cut[1:]]


def scrollback_lines(
    item: ScrollbackItem, width: int, theme: Theme, timestamps: bool
) -> list[Text]:
    """Draw an item for the scrollback, as rows.

    Args:
        item: a final, a gap, a warning, an undone final or a note.
        width: columns of the terminal.
        theme: styles and glyphs.
        timestamps: whether a final starts with its time.
    """
    columns = max(width - 1, 8)
    if isinstance(item, Final):
        return _final_lines(item, columns, theme, timestamps)
    if isinstance(item, Gap):
        lost = f"lost {item.end - item.start:.2f} s of sound ({item.samples} samples)"
        return _plain(f"[{lost}]", columns, theme.bad)
    if isinstance(item, Notice):
        return _plain(f"warning: {item.what} - {item.todo}", columns, theme.warning)
    if isinstance(item, Note):
        return _plain(item.text, columns, theme.final) or [Text("")]
    assert isinstance(item, Undone)
    return _plain(f"{theme.glyphs.undone} undone: {item.text}", columns, theme.undone)


def status_facts(state: ViewState, theme: Theme) -> list[Fact]:
    """Return the items of the status line, the most important first."""
    stats, info, glyphs = state.stats, state.info, theme.glyphs
    if state.paused:
        facts = [Text(f"{glyphs.pause} paused", theme.loud)]
    elif stats is not None and stats.speaking:
        facts = [Text(f"{glyphs.dot} speech", theme.good)]
    else:
        facts = [Text(f"{glyphs.dot} {'silence' if stats else 'starting'}", theme.quiet)]
    facts.append(Text(format_time(state.time), theme.quiet))
    if stats is not None:
        facts.append(meter(stats.level_dbfs, stats.peak_dbfs, stats.time < state.clip_until, theme))
    facts.append(
        Text(f"lost {state.lost_samples} samples", theme.bad)
        if state.lost_samples
        else Text("lost 0", theme.quiet)
    )
    p50, p95 = state.screen_p50_ms, state.screen_p95_ms
    if p50 is None and stats is not None:
        p50, p95 = stats.latency_p50_ms, stats.latency_p95_ms
    if p50 is not None and p95 is not None:
        facts.append(Text(f"latency p50/p95 {p50:.0f}/{p95:.0f} ms", theme.quiet))
    if stats is not None:
        facts.append(Text(f"RTF {stats.real_time_factor:.3f}", theme.quiet))
    named = [f"{info.device} {format_rate(info.rate_hz)}", info.model]
    named += [f"{info.backend} {info.compute_unit}"]
    facts += [Text(printable(fact), theme.quiet) for fact in named if fact.strip()]
    if info.network_timing and stats is not None and stats.chunk_p50_ms is not None:
        network = f"network {stats.chunk_p50_ms:.1f} ms a chunk"
        facts.append(Text(network, theme.quiet))
    return facts


def help_facts(theme: Theme) -> list[Fact]:
    """Return the items of the help: keys and what they do."""
    facts = [Text.assemble((key, theme.key), (f" {does}", theme.quiet)) for key, does in KEYS]
    facts.append(Text.assemble(("underlined", theme.unsure), (" not sure", theme.quiet)))
    return facts


def meter(level_dbfs: float, peak_dbfs: float, clipped: bool, theme: Theme) -> Fact:
    """Draw the level meter: a bar from -60 dBFS to full scale, the level, the clip mark."""
    glyphs = theme.glyphs
    style = theme.loud if peak_dbfs >= METER_LOUD_DBFS else theme.good
    bar = meter_bar(level_dbfs, glyphs)
    drawn = Text.assemble(
        (glyphs.left, theme.quiet),
        (bar, style),
        (glyphs.no_bar * (METER_COLUMNS - len(bar)), theme.quiet),
        (glyphs.right, theme.quiet),
        (f"{max(level_dbfs, -99.0):4.0f} dB", theme.quiet),
    )
    if clipped:
        drawn.append(" CLIP", theme.bad)
    return drawn


def meter_bar(level_dbfs: float, glyphs: Glyphs) -> str:
    """Return the filled part of the meter."""
    share = (level_dbfs - METER_FLOOR_DBFS) / -METER_FLOOR_DBFS
    steps = len(glyphs.part_bars) + 1
    filled = round(min(max(share, 0.0), 1.0) * METER_COLUMNS * steps)
    whole, part = divmod(filled, steps)
    return glyphs.bar * whole + (glyphs.part_bars[part - 1] if part else "")


def pack(facts: Sequence[Fact], columns: int, theme: Theme) -> list[Text]:
    """Arrange items in rows; an item is broken only if it is wider than a row."""
    rows: list[Text] = []
    separator = theme.glyphs.separator
    for fact in facts:
        width = cell_len(fact.plain)
        if rows and rows[-1].cell_len + len(separator) + width <= columns:
            rows[-1].append(separator, theme.quiet).append_text(fact)
            continue
        for start, end in wrap(fact.plain, columns):
            rows.append(Text("").append_text(fact[start:end]))
    return rows


def format_time(seconds: float) -> str:
    """Format a time as ``M:SS`` or ``H:MM:SS``."""
    minutes, second = divmod(int(max(seconds, 0.0)), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02d}:{second:02d}" if hours else f"{minute}:{second:02d}"


def format_rate(rate_hz: int) -> str:
    """Format a sample rate in kHz, such as "16 kHz" or "44.1 kHz"."""
    return f"{rate_hz / 1000:g} kHz" if rate_hz else ""


def _final_lines(final: Final, columns: int, theme: Theme, timestamps: bool) -> list[Text]:
    text = _one_line(final.display)
    styled = Text(text, style=theme.final)
    _mark_unsure(styled, final.words, theme)
    before = [Text("")] if "\n\n" in final.space else []
    if not timestamps:
        return before + [styled[start:end] for start, end in wrap(text, columns)]
    stamp = f"{format_time(final.start)} "
    indent = " " * len(stamp)
    rows = [styled[start:end] for start, end in wrap(text, max(columns - len(stamp), 8))]
    return before + [
        Text.assemble((stamp if number == 0 else indent, theme.time), row)
        for number, row in enumerate(rows)
    ]


def _mark_unsure(styled: Text, words: Sequence[Word], theme: Theme) -> None:
    """Mark displayed words that stand for a doubtful one."""
    shown = list(_WORD.finditer(styled.plain))
    places = align([found.group() for found in shown], [word.word for word in words])
    for found, place in zip(shown, places):
        if any(words[k].confidence < theme.doubtful for k in place):
            begin, end = found.span()
            marks = len(found.group()) - len(found.group().rstrip(".,?!:"))
            styled.stylize(theme.unsure, begin, end - marks)


def _one_line(text: str) -> str:
    """Return a text with line breaks as spaces and nothing that controls a terminal."""
    return printable(text.replace("\n", " "))


def _hint(state: ViewState) -> str:
    if state.paused:
        return "the microphone is released; space resumes"
    if state.finals or state.help:
        return ""
    return "speak; ? shows the keys, q quits" if state.keys else "speak; Ctrl-C ends"


def _plain(text: str, columns: int, style: Style) -> list[Text]:
    text = printable(text)
    return [Text(text[start:end], style) for start, end in wrap(text, columns)]


def _fit(rows: list[Text], room: int, theme: Theme) -> list[Text]:
    if len(rows) <= room:
        return rows
    if room < 1:
        return []
    return [*rows[: room - 1], Text(theme.glyphs.ellipsis, theme.quiet)]
