"""The pictures in docs/ come from a real session: `docs/recording.py` records and draws it."""

from __future__ import annotations

import html
import importlib.util
import json
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

from tests.support.audio.pulse import needs_pulse
from tests.support.paths import ROOT

pytest.importorskip("pexpect", reason="pexpect is not installed: pip install pexpect")
pytest.importorskip("pyte", reason="pyte is not installed: pip install pyte")

IMAGES = ROOT / "docs/images"
NAMES = ("live", "figures", "help")


@pytest.fixture(scope="module")
def recording() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_recording", ROOT / "docs/recording.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["docs_recording"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def words_in(svg: str) -> str:
    """The text in a picture, without positions and colours."""
    parts = re.findall(r"<text[^>]*>(.*?)</text>", svg, re.S)
    return " ".join(" ".join(html.unescape(part).replace("\xa0", " ") for part in parts).split())


def test_the_kept_pictures_are_of_one_session(recording: ModuleType) -> None:
    pictures = {
        name: words_in((IMAGES / f"{name}.svg").read_text(encoding="utf-8")) for name in NAMES
    }
    header, *outputs = (IMAGES / "session.cast").read_text(encoding="utf-8").splitlines()
    assert json.loads(header)["version"] == 2
    screen = recording.Screen(recording.COLUMNS, recording.ROWS)
    stream = recording.pyte.Stream(screen)
    left = dict(pictures)
    for line in outputs:
        stream.feed(json.loads(line)[2])
        shown = "".join("".join(screen.display).split())
        left = {
            name: text
            for name, text in left.items()
            if not shown or shown not in "".join(text.split())
        }
    assert not left  # each picture is a screen of the session
    assert "on screen" in pictures["figures"] and "undo last" in pictures["help"]
    assert "listening" in pictures["live"]


def test_the_session_also_moves(recording: ModuleType) -> None:
    assert (IMAGES / "session.gif").read_bytes()[:6] == b"GIF89a"


@pytest.mark.parametrize("page", ["README.md", "docs/index.md", "docs/live-view.md"])
def test_pages_show_pictures_that_are_there(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    shown = re.findall(r"!\[[^]]*\]\(([\w/-]+\.(?:svg|gif))\)", text)
    assert shown and all((ROOT / page).parent.joinpath(path).is_file() for path in shown)


def test_pictures_load_nothing_from_other_hosts() -> None:
    for name in NAMES:
        assert "url(http" not in (IMAGES / f"{name}.svg").read_text(encoding="utf-8")


def test_styles_reach_the_picture(recording: ModuleType) -> None:
    output = recording.Output(0.0, "\x1b[2mdim\x1b[22m plain \x1b[1;38;2;2;2;200mblue\x1b[0m\r\n")
    (line,) = recording.lines_of(recording.screen_after([output]))
    assert line.plain == "dim plain blue"
    styles = [line.get_style_at_offset(recording.Console(), at) for at in (0, 5, 12)]
    assert [bool(style.dim) for style in styles] == [True, False, False]
    assert styles[2].bold and styles[2].color.get_truecolor().rgb == "rgb(2,2,200)"


def test_the_screen_is_taken_as_soon_as_a_text_is_there(recording: ModuleType) -> None:
    outputs = [recording.Output(float(n), f"\r0:0{n}") for n in range(5)]
    assert recording.screen_after(outputs, "0:02").display[0].startswith("0:02")
    with pytest.raises(LookupError):
        recording.screen_after(outputs, "0:09")


@pytest.mark.slow
@needs_pulse
def test_a_session_can_be_recorded_again(recording: ModuleType, tmp_path: Path) -> None:
    recording.main([str(tmp_path)])
    for name in NAMES:
        assert "princess" in words_in((tmp_path / f"{name}.svg").read_text(encoding="utf-8"))
