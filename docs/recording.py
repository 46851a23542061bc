"""Record a real session of the live view and draw it as pictures, an asciicast and a GIF.

    python docs/recording.py [FOLDER]    # docs/images by default; needs the extra dev

`streamer` listens to a microphone that is the monitor of a PulseAudio null sink, into which
the bundled sample is played. It runs in a pseudo-terminal; some keys are pressed. What it
wrote becomes

- ``live.svg``, the screen in the middle of the sentence,
- ``help.svg`` and ``figures.svg``, the panels of that session,
- ``session.cast``, all of it, for asciinema's players (asciicast, version 2),
- ``session.gif``, the same for pages; only where Pillow and a font are installed.

Nothing is invented: names, times and figures are those of the session.
"""

from __future__ import annotations

import codecs
import io
import json
import os
import re
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, Callable

import pexpect
import pyte
from pyte.screens import Char
from rich._export_format import CONSOLE_SVG_FORMAT
from rich.color import Color
from rich.console import Console
from rich.style import Style
from rich.terminal_theme import TerminalTheme
from rich.text import Text

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

COLUMNS = 80
ROWS = 14
#: Nothing written for this long means that the program hangs.
PATIENCE_S = 60.0
PROGRAM = (sys.executable, "-m", "streamer")
TITLE = "streamer"
#: What is pressed, in seconds after the sample began to play.
KEYS = ((5.0, "?"), (7.5, "?"), (7.7, "i"), (10.2, "i"), (17.0, "q"))
#: The pictures: the screen at these times, in seconds after the sample began.
PICTURES = {"live": 4.2, "help": 7.3, "figures": 10.0}
#: Ground and text of the pictures; the program is told the ground when it asks for it.
GROUND, TEXT = (22, 24, 29), (216, 216, 216)
THEME = TerminalTheme(
    GROUND, TEXT,
    [(40, 44, 52), (224, 108, 117), (152, 195, 121), (229, 192, 123),
     (97, 175, 239), (198, 120, 221), (86, 182, 194), (216, 216, 216)],
)  # fmt: skip
QUESTION = "\x1b]11;?\x07"
ANSWER = "\x1b]11;rgb:{:02x}/{:02x}/{:02x}\x07".format(*GROUND)

#: pyte's names of colours that Rich calls otherwise.
COLOURS = {"brown": "yellow", "brightbrown": "bright_yellow"}
#: Frames per second of the GIF at most, and the longest that a picture stands, in seconds.
GIF_FRAMES_PER_S = 8
GIF_LONGEST_S = 2.0
GIF_FONTS = (
    "DejaVuSansMono.ttf",
    "NotoSansMono-Regular.ttf",
    "Menlo.ttc",
    "LiberationMono-Regular.ttf",
)
GIF_FONT_SIZE = 16


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


class Session:
    """A program in a pseudo-terminal that answers what its ground is.

    Args:
        argv: the program and its arguments.
        environment: changes to the environment.
    """

    def __init__(self, argv: Sequence[str], environment: Mapping[str, str] = {}) -> None:
        kept = {
            name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "TMUX")
        }
        self.outputs: list[Output] = []
        self._child = pexpect.spawn(
            argv[0],
            list(argv[1:]),
            dimensions=(ROWS, COLUMNS),
            env={
                **kept,
                "TERM": "xterm-256color",
                "LC_ALL": "C.UTF-8",
                "PYTHONPATH": str(ROOT),
                **environment,
            },
            timeout=None,
        )
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._begin_s: float | None = None
        self.screen = Screen(COLUMNS, ROWS)
        self._stream = pyte.Stream(self.screen)

    @property
    def now_s(self) -> float:
        """Seconds since the first output, 0 before it."""
        return 0.0 if self._begin_s is None else time.monotonic() - self._begin_s

    def press(self, key: str) -> None:
        """Press a key."""
        self._child.send(key)

    def pump(self) -> bool:
        """Take what has been written; return False once the program has ended."""
        try:
            text = self._decoder.decode(self._child.read_nonblocking(1 << 16, timeout=0.02))
        except pexpect.TIMEOUT:
            return True
        except pexpect.EOF:
            self._child.close()
            if self._child.exitstatus or self._child.signalstatus:
                how = f"exit code {self._child.exitstatus}, signal {self._child.signalstatus}"
                raise RuntimeError(how) from None
            return False
        if self._begin_s is None:
            self._begin_s = time.monotonic()
        if QUESTION in text:
            self._child.send(ANSWER)
        self.outputs.append(Output(self.now_s, text))
        self._stream.feed(text)
        return True

    def wait(self, condition: Callable[[], bool]) -> None:
        """Wait for a condition; TimeoutError if that takes too long."""
        until = time.monotonic() + PATIENCE_S
        while not condition():
            if not self.pump() or time.monotonic() > until:
                self._child.close(force=True)
                raise TimeoutError("\n".join(self.screen.display))


def play(sample: Path) -> tuple[list[Output], dict[str, list[Text]]]:
    """Play a recording into a microphone while streamer listens.

    Returns:
        What it wrote, and the pictures by name.
    """
    from tests.support.audio.pulse import virtual_microphone

    pictures: dict[str, list[Text]] = {}
    with virtual_microphone() as microphone:
        session = Session(PROGRAM, microphone.env)
        session.wait(lambda: any("listening" in row for row in session.screen.display))
        with microphone.start_speaking(sample):
            begin_s = session.now_s
            times: list[tuple[float, str | None, str]] = [
                (at, name, "") for name, at in PICTURES.items()
            ]
            times += [(at, None, key) for at, key in KEYS]
            for at, name, key in sorted(times, key=lambda each: each[0]):
                session.wait(lambda at=at: session.now_s >= begin_s + at)  # type: ignore[misc]
                if name is not None:
                    pictures[name] = lines_of(session.screen)
                session.press(key)
        while session.pump():
            pass
    return session.outputs, pictures


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


def svg(lines: Sequence[Text], name: str) -> str:
    """Draw rows as SVG, without the fonts that Rich would load from the network."""
    console = Console(
        file=io.StringIO(),
        record=True,
        width=COLUMNS,
        force_terminal=True,
        color_system="truecolor",
        legacy_windows=False,
        _environ={},
    )
    for line in [*lines, Text("")]:
        console.print(line, soft_wrap=True, highlight=False)
    head, _, rest = CONSOLE_SVG_FORMAT.partition("    @font-face")
    template = head + rest[rest.index("    .{unique_id}-matrix") :]
    drawn = console.export_svg(title=TITLE, theme=THEME, code_format=template, unique_id=name)
    return re.sub(r"[ \t]+$", "", drawn, flags=re.M)


def asciicast(outputs: Sequence[Output]) -> str:
    """Return a session in asciinema's format: a header, then a line for each output."""
    header = {"version": 2, "width": COLUMNS, "height": ROWS, "title": TITLE}
    lines = [json.dumps(header)]
    lines += [json.dumps([round(output.time_s, 3), "o", output.text]) for output in outputs]
    return "\n".join(lines) + "\n"


def gif_frames(outputs: Sequence[Output]) -> Iterator[tuple[list[Text], float]]:
    """Yield the screens of a session and how long each stands, in seconds."""
    screen = Screen(COLUMNS, ROWS)
    stream = pyte.Stream(screen)
    shown_s: float | None = None
    for number, output in enumerate(outputs):
        stream.feed(output.text)
        last = number == len(outputs) - 1
        next_s = outputs[-1].time_s + GIF_LONGEST_S if last else outputs[number + 1].time_s
        shown_s = output.time_s if shown_s is None else shown_s
        if next_s - shown_s >= 1 / GIF_FRAMES_PER_S or last:
            yield lines_of(screen), min(next_s - shown_s, GIF_LONGEST_S)
            shown_s = None


def write_gif(outputs: Sequence[Output], path: Path) -> None:
    """Draw a session as a GIF; say why not where that is not possible."""
    try:
        from PIL import Image, ImageDraw, ImageFont
    except ImportError:
        print(f"{path.name} is not drawn: needs Pillow", file=sys.stderr)
        return
    font: Any = None
    for name in GIF_FONTS:
        try:
            font = ImageFont.truetype(name, GIF_FONT_SIZE)
            break
        except OSError:
            continue
    if font is None:
        print(f"{path.name} is not drawn: needs one of {', '.join(GIF_FONTS)}", file=sys.stderr)
        return
    wide, high, margin = round(font.getlength("x")), GIF_FONT_SIZE + 6, 12
    console = Console()
    images: list[Any] = []
    times_ms: list[int] = []
    for lines, seconds in gif_frames(outputs):
        image = Image.new("RGB", (COLUMNS * wide + 2 * margin, ROWS * high + 2 * margin), GROUND)
        pen = ImageDraw.Draw(image)
        for row, line in enumerate(lines):
            for column, char in enumerate(line.plain):
                style = line.get_style_at_offset(console, column)
                at = (margin + column * wide, margin + row * high)
                draw_char(pen, font, char, style, at, (wide, high))
        images.append(image.quantize(32))
        times_ms.append(round(seconds * 1000))
    images[0].save(
        path, save_all=True, append_images=images[1:], duration=times_ms, loop=0, optimize=True
    )


def draw_char(
    pen: Any, font: Any, char: str, style: Style, at: tuple[int, int], size: tuple[int, int]
) -> None:
    """Draw one character into a picture."""
    colour: Color | None = style.color
    ink = TEXT if colour is None else tuple(colour.get_truecolor(THEME))
    if style.dim:
        ink = tuple((a + b) // 2 for a, b in zip(ink, GROUND))
    x, y = at
    if style.bgcolor is not None:
        ground = tuple(style.bgcolor.get_truecolor(THEME))
        pen.rectangle((x, y + 3, x + size[0] - 1, y + size[1] - 4), fill=ground)
    if style.reverse:
        pen.rectangle((x, y, x + size[0] - 1, y + size[1] - 1), fill=ink)
        ink = GROUND
    parts = "▏▎▍▌▋▊▉█"
    if char in parts:  # drawn rather than written, so that cells join
        wide = size[0] * (parts.index(char) + 1) // 8
        pen.rectangle((x, y + 3, x + max(wide, 1) - 1, y + size[1] - 4), fill=ink)
    elif char == "▕":
        pen.rectangle((x + size[0] - 1, y + 3, x + size[0] - 1, y + size[1] - 4), fill=ink)
    elif char != " ":
        pen.text((x, y), char, font=font, fill=ink)
        if style.bold:
            pen.text((x + 1, y), char, font=font, fill=ink)
    if style.underline:
        pen.line((x, y + size[1] - 3, x + size[0] - 1, y + size[1] - 3), fill=ink)


def main(arguments: Sequence[str] = ()) -> None:
    """Record a session and write all files."""
    from streamer.cli.commands.speech.demo import sample_path

    folder = Path(arguments[0]) if arguments else ROOT / "docs" / "images"
    folder.mkdir(parents=True, exist_ok=True)
    outputs, pictures = play(sample_path())
    for name, lines in pictures.items():
        (folder / f"{name}.svg").write_text(svg(lines, name), encoding="utf-8")
    (folder / "session.cast").write_text(asciicast(outputs), encoding="utf-8")
    write_gif(outputs, folder / "session.gif")


if __name__ == "__main__":
    main(sys.argv[1:])
