"""Record a real session of the live view and write it as pictures and as an asciicast.

    python docs/recording.py [FOLDER]    # docs/images by default; needs the extra dev

`streamer demo` plays the bundled sample in a pseudo-terminal, at the pace of a microphone. What
the program wrote becomes

- ``live.svg``, the screen in the middle of the sentence,
- ``figures.svg``, the screen at the end, with the figures of this run,
- ``session.cast``, all of it, for asciinema's players (asciicast, version 2),

and a second session, in which keys are pressed, becomes ``help.svg``.
"""

from __future__ import annotations

import codecs
import io
import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import pexpect
import pyte
from pyte.screens import Char
from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.style import Style
from rich.terminal_theme import DIMMED_MONOKAI
from rich.text import Text

ROOT = Path(__file__).resolve().parents[1]
COLUMNS = 80
ROWS = 20
#: The status line's clock in the pictures of a running session.
LIVE_AT = "0:08"
#: Nothing written for this long means that the program hangs.
PATIENCE_S = 60.0
DEMO = (sys.executable, "-m", "streamer", "demo")
#: Keys of the second session and when they are pressed, in seconds after the first output.
KEYS = ((0.5, "t"), (1.0, "?"))

#: pyte's names of colours that Rich calls otherwise.
COLOURS = {"brown": "yellow", "brightbrown": "bright_yellow"}


@dataclass(frozen=True)
class Output:
    """What a program wrote at once: seconds after its first output, and the text."""

    time_s: float
    text: str


class Screen(pyte.Screen):
    """A terminal that also knows dim text, which pyte leaves out; it is kept as blinking."""

    def select_graphic_rendition(self, *attrs: int, private: bool = False) -> None:
        """Set the attributes of what follows."""
        translated: list[int] = []
        rest = iter(attrs)
        for attribute in rest:
            if attribute in (38, 48):  # a colour: 5;n or 2;r;g;b
                kind = next(rest, 5)
                translated += [attribute, kind]
                translated += [next(rest, 0) for _ in range(3 if kind == 2 else 1)]
            elif attribute == 2:
                translated.append(5)
            elif attribute == 22:
                translated += [22, 25]
            else:
                translated.append(attribute)
        if not private:  # a key protocol's, not a style
            super().select_graphic_rendition(*translated)


def session(argv: Sequence[str], keys: Sequence[tuple[float, str]] = ()) -> Iterator[Output]:
    """Run a program in a pseudo-terminal and yield what it writes.

    Args:
        argv: the program and its arguments.
        keys: what to type, and when.
    """
    environment = {
        **{name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "TMUX")},
        "TERM": "xterm-256color",
        "COLORTERM": "truecolor",
        "LC_ALL": "C.UTF-8",
        "PYTHONPATH": str(ROOT),
    }
    child = pexpect.spawn(
        argv[0], list(argv[1:]), dimensions=(ROWS, COLUMNS), env=environment, timeout=None
    )
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    waiting = list(keys)
    begin_s: float | None = None
    last_s = time.monotonic()
    while True:
        try:
            data = child.read_nonblocking(1 << 16, timeout=0.05)
        except pexpect.TIMEOUT:
            data = b""
        except pexpect.EOF:
            break
        now_s = time.monotonic()
        if data:
            last_s = now_s
            begin_s = now_s if begin_s is None else begin_s
            yield Output(now_s - begin_s, decoder.decode(data))
        elif now_s - last_s > PATIENCE_S:
            child.close(force=True)
            raise TimeoutError(f"no output for {PATIENCE_S:.0f} s: {' '.join(argv)}")
        while waiting and begin_s is not None and now_s - begin_s >= waiting[0][0]:
            child.send(waiting.pop(0)[1])
    child.close()
    if child.exitstatus:
        raise RuntimeError(f"exit code {child.exitstatus}: {' '.join(argv)}")


def screen_after(outputs: Sequence[Output], text: str | None = None) -> Screen:
    """Return the screen after a session, or as soon as a text is on it.

    Raises:
        LookupError: the text never was.
    """
    screen = Screen(COLUMNS, ROWS)
    stream = pyte.Stream(screen)
    for output in outputs:
        stream.feed(output.text)
        if text is not None and any(text in row for row in screen.display):
            return screen
    if text is not None:
        raise LookupError(f"never on the screen: {text}")
    return screen


def style_of(char: Char) -> Style:
    """Return how a character of pyte's screen looks."""

    def colour(name: str) -> str | None:
        if name == "default":
            return None
        if len(name) == 6 and all(digit in "0123456789abcdef" for digit in name):
            return f"#{name}"
        return COLOURS.get(name, name.replace("bright", "bright_"))

    return Style(
        color=colour(char.fg),
        bgcolor=colour(char.bg),
        bold=char.bold,
        dim=char.blink,
        italic=char.italics,
        underline=char.underscore,
        strike=char.strikethrough,
        reverse=char.reverse,
    )


def lines_of(screen: Screen) -> list[Text]:
    """Return the rows on a screen with their styles, without empty ones at the end."""
    rows = []
    for number in range(screen.lines):
        chars = [screen.buffer[number][column] for column in range(screen.columns)]
        row = Text()
        # A word at a time: some viewers drop the spaces that a piece of text begins with.
        for (style, _), run in groupby(chars, lambda char: (style_of(char), char.data == " ")):
            row.append("".join(char.data for char in run), style)
        row.rstrip()
        rows.append(row)
    while rows and not rows[-1].plain:
        rows.pop()
    return rows


def svg(screen: Screen, name: str) -> str:
    """Draw a screen as SVG, without the fonts that Rich would load from the network."""
    console = Console(
        file=io.StringIO(),
        record=True,
        width=COLUMNS,
        force_terminal=True,
        color_system="truecolor",
        legacy_windows=False,
        _environ={},
    )
    for line in lines_of(screen):
        console.print(line, soft_wrap=True, highlight=False)
    head, _, rest = CONSOLE_SVG_FORMAT.partition("    @font-face")
    template = head + rest[rest.index("    .{unique_id}-matrix") :]
    return console.export_svg(
        title="streamer demo", theme=DIMMED_MONOKAI, code_format=template, unique_id=name
    )


def asciicast(outputs: Sequence[Output]) -> str:
    """Return a session in asciinema's format: a header, then a line for each output."""
    header = {"version": 2, "width": COLUMNS, "height": ROWS, "title": "streamer demo"}
    lines = [json.dumps(header)]
    lines += [json.dumps([round(output.time_s, 3), "o", output.text]) for output in outputs]
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str] = ()) -> None:
    """Record both sessions and write all files."""
    folder = Path(arguments[0]) if arguments else ROOT / "docs" / "images"
    folder.mkdir(parents=True, exist_ok=True)
    played = list(session(DEMO))
    helped = list(session(DEMO, KEYS))
    for name, screen in (
        ("live", screen_after(played, LIVE_AT)),
        ("figures", screen_after(played)),
        ("help", screen_after(helped, LIVE_AT)),
    ):
        (folder / f"{name}.svg").write_text(svg(screen, name), encoding="utf-8")
    (folder / "session.cast").write_text(asciicast(played), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
