"""The layout of the live view, at every size."""

from __future__ import annotations

import io
import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from streamer.terminal.drawing.render import (
    KEYS,
    MAX_PARTIAL_ROWS,
    format_time,
    meter_bar,
    render,
    scrollback_lines,
    status_facts,
)
from streamer.terminal.drawing.theme import (
    ASCII,
    DARK,
    LIGHT,
    NEUTRAL,
    UNICODE,
    background,
    choose_theme,
)
from streamer.terminal.drawing.wrapping import printable, wrap
from streamer.terminal.view_state import Undone, ViewState, update
from tests.support.terminal.terminal_driver import INFO, event_of

SPEAKING = update(ViewState(INFO), event_of({"stats": {}}))
SIZES = [(80, 24), (40, 12), (120, 40)]


def saying(text: str, stable: str = "", words: object = ()) -> ViewState:
    return update(SPEAKING, event_of({"partial": {"text": text, "stable": stable, "words": words}}))


def rows(state: ViewState, width: int = 80, height: int = 24) -> list[str]:
    return render(state, width, height, NEUTRAL).plain.split("\n")


def styles_at(text: Text, word: str) -> list[str]:
    at = text.plain.index(word)
    return [str(span.style) for span in text.spans if span.start <= at < span.end]


def drawn(text: Text, **options: bool) -> str:
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=True, color_system="standard", **options)
    console.print(text, soft_wrap=True, end="")
    return stream.getvalue()


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_every_fact_is_shown_at_every_size(width: int, height: int) -> None:
    words = " ".join(rows(saying("hello world"), width, height))
    for fact in (
        "hello world", "speech", "0:12", "-18 dB", "lost 0", "p50/p95 212/340 ms", "RTF 0.031",
        "built-in microphone 48 kHz", "english", "onnx CPU",
    ):  # fmt: skip
        assert fact in words


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_the_help_lists_every_key_at_every_size(width: int, height: int) -> None:
    words = " ".join(rows(replace(SPEAKING, help=True), width, height))
    assert all(f"{key} {does}" in words for key, does in KEYS)


@settings(max_examples=50, deadline=None)
@given(
    st.text(alphabet="ab é漢字😀\u0301 \x1b", max_size=400),
    st.integers(10, 130),
    st.integers(3, 40),
    st.booleans(),
)
def test_the_region_is_narrower_and_lower_than_the_terminal(
    text: str, width: int, height: int, help_open: bool
) -> None:
    region = rows(replace(saying(text), help=help_open), width, height)
    assert len(region) <= height - 1
    assert all(cell_len(row) < width for row in region)
    assert "\x1b" not in "".join(region)


@settings(max_examples=50, deadline=None)
@given(st.text(alphabet="ab é漢字😀\u0301 ", max_size=200), st.integers(2, 60))
def test_wrapping_loses_nothing_but_the_spaces_between_rows(text: str, width: int) -> None:
    pieces = [text[start:end] for start, end in wrap(text, width)]
    assert "".join("".join(pieces).split()) == "".join(text.split())
    assert all(cell_len(piece) <= width for piece in pieces)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.text(alphabet="abc漢", min_size=1, max_size=7), min_size=1, max_size=60))
def test_full_rows_stay_the_same_while_words_are_added(words: list[str]) -> None:
    whole = wrap(" ".join(words), 20)
    for count in range(1, len(words)):
        shorter = wrap(" ".join(words[:count]), 20)
        assert shorter[:-1] == whole[: len(shorter) - 1]


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_a_long_partial_shows_its_tail_after_an_ellipsis(width: int, height: int) -> None:
    words = [f"word{number}" for number in range(5 * 150)]
    said = [r for r in rows(saying(" ".join(words)), width, height) if "word" in r]
    assert said[0].startswith("…word")
    shown = " ".join(said)[1:].split()
    assert shown == words[-len(shown) :]
    assert 1 < len(said) <= MAX_PARTIAL_ROWS


def test_a_partial_that_fits_has_no_ellipsis() -> None:
    assert rows(saying("hello world"))[0] == "hello world"


def test_the_stable_prefix_has_full_colour_and_the_tail_is_dim() -> None:
    text = render(saying("hello brave world", "hello brave"), 80, 24, NEUTRAL)
    written = drawn(text)
    assert re.search(r"hello brave(\x1b\[0m)?\x1b\[2m world", written)
    assert not re.search(r"\x1b\[2mhello", written)


def test_words_of_low_confidence_are_marked_in_partials_and_finals() -> None:
    words = [["hello", 0.0, 0.4, 0.97], ["hell", 0.5, 0.9, 0.2], ["hello", 1.0, 1.2, 0.9]]
    partial = render(saying("hello hell hello", "hello", words), 80, 24, NEUTRAL)
    assert "underline" in " ".join(styles_at(partial, "hell "))
    assert "underline" not in " ".join(styles_at(partial, "hello"))
    final = event_of({"final": {"text": "hello hell hello", "words": words}})
    (line,) = scrollback_lines(final, 80, NEUTRAL, timestamps=False)  # type: ignore[arg-type]
    assert [line.plain[s.start : s.end] for s in line.spans] == ["hell"]


def test_the_model_says_which_words_are_doubtful() -> None:
    words = [["hello", 0.0, 0.4, 0.55]]
    for limit, marked in ((0.5, False), (0.6, True)):
        theme = replace(NEUTRAL, doubtful=limit)
        partial = render(saying("hello", "hello", words), 80, 24, theme)
        assert ("underline" in " ".join(styles_at(partial, "hello"))) is marked


def test_without_colour_only_attributes_are_written() -> None:
    state = replace(saying("hello world", "hello"), lost_samples=5, clip_until=99.0, help=True)
    written = drawn(render(state, 80, 24, DARK), no_color=True)
    codes = {c for seq in re.findall(r"\x1b\[([\d;]*)m", written) for c in seq.split(";")}
    assert codes <= {"0", "1", "2", "4", "9", "22"} and "2" in codes
    assert "CLIP" in written and "lost 5 samples" in written


def test_lost_samples_are_red_and_zero_is_dim() -> None:
    def style(state: ViewState) -> str:
        (fact,) = [f for f in status_facts(state, NEUTRAL) if f.plain.startswith("lost")]
        return str(fact.style)

    assert "red" in style(replace(SPEAKING, lost_samples=7))
    assert "red" not in style(SPEAKING)


@pytest.mark.parametrize("theme", [NEUTRAL, DARK, LIGHT])
def test_no_theme_changes_the_background_or_the_colour_of_words(theme: object) -> None:
    for name, style in vars(theme).items():
        if name not in ("glyphs", "doubtful"):
            assert style.bgcolor is None
    assert theme.stable.color is theme.final.color is theme.volatile.color is None  # type: ignore[attr-defined]


def test_the_background_is_guessed_from_the_environment() -> None:
    assert background({"COLORFGBG": "15;0"}) == "dark"
    assert background({"COLORFGBG": "0;default;15"}) == "light"
    assert background({}) == background({"COLORFGBG": "default"}) == "neutral"


def test_glyphs_are_ascii_without_unicode() -> None:
    state = replace(saying("word " * 400), paused=True)
    text = render(state, 40, 12, choose_theme("ascii", "neutral")).plain
    assert text.isascii() and text.startswith("...word") and "paused" in text
    assert choose_theme("utf-8", "neutral").glyphs is UNICODE


@settings(max_examples=50, deadline=None)
@given(st.floats(-200, 20), st.floats(0, 30))
def test_the_meter_stays_in_its_columns_and_grows_with_the_level(level: float, more: float) -> None:
    for glyphs in (UNICODE, ASCII):
        assert len(meter_bar(level, glyphs)) <= len(meter_bar(level + more, glyphs)) <= 12
    assert meter_bar(0.0, ASCII) == "#" * 12 and meter_bar(-60.0, UNICODE) == ""


def test_timestamps_precede_finals_and_further_rows_are_indented() -> None:
    event = event_of({"final": {"text": "one two three four five six", "start": 65.0}})
    lines = scrollback_lines(event, 22, NEUTRAL, timestamps=True)  # type: ignore[arg-type]
    assert [line.plain for line in lines] == ["1:05 one two three", "     four five six"]


def test_gaps_warnings_and_undone_finals_appear_in_the_scrollback() -> None:
    gap = event_of({"gap": {"start": 1.0, "end": 1.5, "samples": 8000}})
    warning = event_of({"warning": {"what": "no sound", "todo": "unmute"}})
    for item, said in (
        (gap, "[lost 0.50 s of sound (8000 samples)]"),
        (warning, "warning: no sound - unmute"),
        (Undone("hello"), "↶ undone: hello"),
    ):
        (line,) = scrollback_lines(item, 80, NEUTRAL, timestamps=True)  # type: ignore[arg-type]
        assert line.plain == said


def test_control_characters_of_devices_and_words_do_not_reach_the_terminal() -> None:
    evil = replace(INFO, device="mic\x1b]0;evil\x07")
    assert "\x1b" not in render(replace(SPEAKING, info=evil), 80, 24, NEUTRAL).plain
    assert printable("a\x1b[2Jb\u2028c") == "a [2Jb c"


def test_times_are_formatted_as_minutes_and_seconds() -> None:
    assert [format_time(s) for s in (0, 59.9, 60, 3600, 36_061)] == [
        "0:00", "0:59", "1:00", "1:00:00", "10:01:01",
    ]  # fmt: skip


def test_a_fact_does_not_inherit_the_colour_of_the_previous_one() -> None:
    text = render(SPEAKING, 200, 24, NEUTRAL)
    assert "green" in " ".join(styles_at(text, "speech"))
    assert not any("green" in style for style in styles_at(text, "lost 0"))
    assert "green" not in str(text.style)
