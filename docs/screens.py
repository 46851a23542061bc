"""Draws the pictures of the live view for the README, with the functions that draw it.

    python docs/screens.py        writes docs/live*.svg

The events are written here by hand; everything between them and the picture is
what runs in a terminal.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.terminal_theme import DEFAULT_TERMINAL_THEME, DIMMED_MONOKAI, TerminalTheme

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from streamer.events import Event, Final, Gap, Partial, Stats, Word
from streamer.terminal.drawing.render import render, scrollback_lines
from streamer.terminal.drawing.theme import DARK, LIGHT, Theme
from streamer.terminal.view_state import ViewInfo, ViewState, update

FOLDER = Path(__file__).resolve().parent
INFO = ViewInfo("MacBook Pro Microphone", 48_000, "english", "coreml", "CPU_AND_NE")


@dataclass(frozen=True)
class Picture:
    """One picture: its name, size, colours and what is in it."""

    name: str
    width: int
    height: int
    theme: Theme
    colours: TerminalTheme
    state: ViewState


def words(text: str, start: float, unsure: Sequence[str] = ()) -> tuple[Word, ...]:
    """Give each word of a text a time and a confidence."""
    return tuple(
        Word(word, start + 0.4 * i, start + 0.4 * i + 0.3, 0.3 if word in unsure else 0.95)
        for i, word in enumerate(text.split())
    )


def final(segment: int, start: float, text: str, unsure: Sequence[str] = ()) -> Final:
    """An utterance that has ended."""
    return Final(segment, 0, start, start + 3, text, text, words(text, start, unsure))


def partial(segment: int, text: str, stable: str) -> Partial:
    """An utterance that is being said."""
    return Partial(segment, 0, 61.0, 64.2, text, stable, words(text, 61.0))


def stats(**changes: object) -> Stats:
    """Figures of a stream that goes well, but for the changes."""
    usual: dict[str, object] = {
        "seq": 0,
        "time": 64.3,
        "real_time_factor": 0.028,
        "latency_p50_ms": 236.0,
        "latency_p95_ms": 371.0,
        "lost_samples": 0,
        "level_dbfs": -17.0,
        "peak_dbfs": -8.0,
        "clipped": False,
        "speaking": True,
    }
    return Stats(**{**usual, **changes})  # type: ignore[arg-type]


def after(*events: Event) -> ViewState:
    """What the view knows after some events."""
    state = ViewState(INFO, keys=True)
    for event in events:
        state = update(state, event)
    return state


TALK = (
    final(0, 2.0, "good morning everybody and thank you for coming"),
    final(1, 9.0, "today we look at how speech becomes text in a terminal"),
    final(2, 31.0, "the microphone of missus abernathy is on the left", ["abernathy"]),
)
NOW = partial(3, "every word stands there while the sentence is still", "every word stands there")

PICTURES = (
    Picture("live", 80, 24, DARK, DIMMED_MONOKAI, after(*TALK, NOW, stats())),
    Picture("live-light", 80, 24, LIGHT, DEFAULT_TERMINAL_THEME, after(*TALK, NOW, stats())),
    Picture("live-narrow", 40, 16, DARK, DIMMED_MONOKAI, after(*TALK[1:], NOW, stats())),
    Picture(
        "live-help",
        80,
        24,
        DARK,
        DIMMED_MONOKAI,
        replace(
            after(
                *TALK[:2],
                Gap(0, 30.0, 30.12, 1920),
                TALK[2],
                NOW,
                stats(clipped=True, level_dbfs=-3.0, peak_dbfs=0.0),
            ),
            help=True,
            timestamps=True,
            message="3 lines sent to the clipboard",
        ),
    ),
)


def draw(picture: Picture) -> str:
    """Return a picture as SVG."""
    console = Console(
        file=io.StringIO(),
        record=True,
        width=picture.width,
        force_terminal=True,
        color_system="truecolor",
        legacy_windows=False,
        _environ={},
    )
    for item in picture.state.pending:
        for line in scrollback_lines(item, picture.width, picture.theme, picture.state.timestamps):
            console.print(line, soft_wrap=True, highlight=False)
    region = render(picture.state, picture.width, picture.height, picture.theme)
    console.print(region, soft_wrap=True, highlight=False)
    # Without the fonts that Rich would load from the network.
    head, _, rest = CONSOLE_SVG_FORMAT.partition("    @font-face")
    template = head + rest[rest.index("    .{unique_id}-matrix") :]
    return console.export_svg(
        title="streamer", theme=picture.colours, code_format=template, unique_id=picture.name
    )


def main() -> None:
    """Write all pictures."""
    for picture in PICTURES:
        (FOLDER / f"{picture.name}.svg").write_text(draw(picture), encoding="utf-8")


if __name__ == "__main__":
    main()
