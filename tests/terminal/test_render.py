"""The layout of the live view, at every size."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from streamer.events import Event, Notice
from streamer.terminal.drawing.layout import WIDEST, layout_of
from streamer.terminal.drawing.panels import KEYS
from streamer.terminal.drawing.render import Region, render
from streamer.terminal.drawing.status import METER, NARROW_METER, meter_bar
from streamer.terminal.drawing.style import Row, Span, plain
from streamer.terminal.drawing.theme import ASCII, UNICODE, make_theme
from streamer.terminal.drawing.typesetter import Typesetter
from streamer.terminal.drawing.wrapping import printable, wrap
from streamer.terminal.line_editor import Edit, EditedLine
from streamer.terminal.search import Search
from streamer.terminal.times import format_time
from streamer.terminal.view_model import ViewModel
from streamer.terminal.view_state import ViewState, update
from tests.support.terminal.terminal_driver import INFO, event_of

DARK = make_theme("dark", 256)
SPEAKING = update(ViewState(INFO, keys=True), event_of({"stats": {}}))
SIZES = [(120, 35), (80, 24), (40, 15)]


def saying(text: str, stable: str = "", words: object = ()) -> ViewState:
    return update(SPEAKING, event_of({"partial": {"text": text, "stable": stable, "words": words}}))


def drawn(state: ViewState, width: int = 80, height: int = 24) -> Region:
    return render(state, Typesetter(DARK), width, height)


def rows(state: ViewState, width: int = 80, height: int = 24) -> list[str]:
    return [plain(row) for row in drawn(state, width, height).rows()]


def styles(state: ViewState, word: str) -> set[str]:
    """The styles of the spans that a word is in."""
    return {span.style for row in drawn(state).rows() for span in row if word in span.text}


def marked(region: Sequence[Row]) -> list[str]:
    """The words that are marked as unsure."""
    return [span.text for row in region for span in row if span.style == DARK.unsure]


class Session:
    """A view's way from events to rows, without a terminal."""

    def __init__(self, width: int = 80) -> None:
        self.model = ViewModel(ViewState(INFO))
        self.setter = Typesetter(DARK)
        self.width = width
        self.scrolled: list[str] = []

    def receive(self, *events: Event) -> list[str]:
        """Return the words in the region after some events."""
        for event in events:
            self.model.receive(event)
        state = self.model.take()
        layout = layout_of(self.width)
        self.scrolled += [plain(r) for r in self.setter.scroll(state.pending, state, layout)]
        return [plain(row) for row in render(state, self.setter, self.width, 24).text]


def final(text: str, segment: int = 0, join: str = " ") -> Event:
    return event_of({"final": {"text": text, "segment": segment, "join": join}})


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_state_time_level_and_the_key_of_the_help_are_always_there(width: int, height: int) -> None:
    status = rows(SPEAKING, width, height)[-1]
    for fact in ("● listening", "0:12", "mic▕██", "▏", "?"):
        assert fact in status
    assert len(re.findall("[█▊▋▌▍▎·]", status)) == (METER if width >= 80 else NARROW_METER)
    assert ("built-in microphone" in status) == (width >= 80)
    assert status.endswith("? keys")


def test_figures_are_in_their_panel_and_nowhere_else() -> None:
    everything = "\n".join(rows(replace(SPEAKING, panel="figures")))
    for fact in ("212 ms, p95 340 ms", "0.031", "-18 dB", "0 samples", "onnx CPU", "english"):
        assert fact in everything
        assert fact not in "\n".join(rows(SPEAKING))


@pytest.mark.parametrize("trouble", ["lost", "clipping", "slow"])
@pytest.mark.parametrize(("width", "height"), SIZES)
def test_trouble_shows_itself_only_while_it_is_true(trouble: str, width: int, height: int) -> None:
    troubled = {
        "lost": replace(SPEAKING, lost_s=0.5),
        "clipping": replace(SPEAKING, clip_until=99.0),
        "slow": replace(SPEAKING, latency_ms=5000.0),
    }
    assert trouble in rows(troubled[trouble], width, height)[-1]
    assert trouble not in rows(SPEAKING, width, height)[-1]


def test_silence_is_calm() -> None:
    quiet = event_of({"stats": {"level_dbfs": -99.0, "peak_dbfs": -99.0, "speaking": False}})
    shown = "\n".join(rows(update(SPEAKING, quiet)))
    assert "mic▕········▏" in shown and "99" not in shown and "dB" not in shown


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_the_help_lists_every_key_at_every_size(width: int, height: int) -> None:
    shown = rows(replace(saying("some words"), panel="help"), width, height)
    assert len(shown) < height and "  some words" in shown
    text = "\n".join(shown)
    assert all(re.search(f"{re.escape(key)} +{does}", text) for key, does in KEYS)
    assert "underlined: may be wrong" in text


@settings(max_examples=50, deadline=None)
@given(
    st.text(alphabet="ab é漢字😀\u0301 \x1b", max_size=400),
    st.integers(10, 130),
    st.integers(3, 40),
    st.sampled_from([None, "help", "figures"]),
    st.booleans(),
)
def test_the_region_is_narrower_and_lower_than_the_terminal(
    text: str, width: int, height: int, panel: str | None, editing: bool
) -> None:
    edit = Edit(EditedLine(text, len(text) // 2), 0, "") if editing else None
    region = rows(
        replace(saying(text), panel=panel, edit=edit, message="saved in " + text), width, height
    )
    assert len(region) <= height - 1
    assert all(cell_len(row) < width for row in region)
    assert "\x1b" not in "".join(region)


@pytest.mark.parametrize("width", range(20, 200, 7))
def test_nothing_stands_beyond_the_margins(width: int) -> None:
    state = replace(saying("word " * 200), timestamps=True, panel="help")
    for row in rows(state, width, 40):
        assert row[:2] in ("", "  ", "… ") and len(row) <= min(2 + WIDEST, width - 2)


@settings(max_examples=50, deadline=None)
@given(st.text(alphabet="ab é漢字😀\u0301 ", max_size=200), st.integers(2, 60))
def test_wrapping_loses_nothing_but_the_spaces_between_rows(text: str, width: int) -> None:
    pieces = [text[start:end] for start, end in wrap(text, width)]
    assert "".join("".join(pieces).split()) == "".join(text.split())
    assert all(cell_len(piece) <= width for piece in pieces)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.text(alphabet="abc漢", min_size=1, max_size=7), min_size=1, max_size=60))
def test_full_rows_stay_the_same_while_words_are_added(words: list[str]) -> None:
    whole = rows(saying(" ".join(words)), 30, 60)[1:]
    for count in range(1, len(words)):
        shorter = [r for r in rows(saying(" ".join(words[:count])), 30, 60)[1:-2] if r]
        assert shorter[:-1] == whole[: len(shorter) - 1]


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_a_long_partial_shows_its_tail_after_an_ellipsis(width: int, height: int) -> None:
    words = [f"word{number}" for number in range(5 * 150)]
    region = drawn(saying(" ".join(words)), width, height)
    said = [plain(row) for row in region.text]
    assert said[0].startswith("… word") and len(region.rows()) == height - 1
    shown = " ".join(said)[2:].split()
    assert shown == words[-len(shown) :]


def test_utterances_flow_in_paragraphs() -> None:
    session = Session()
    session.receive(final("We went home", join=""))
    assert session.receive(final("and stayed there", 1, ", ")) == [
        "", "  We went home, and stayed there",
    ]  # fmt: skip
    shown = session.receive(event_of({"close": {"segment": 1}}), final("Later", 2, "\n\n"))
    assert shown == ["", "  We went home, and stayed there.", "", "  Later"]
    assert session.receive(final("that day", 3)) == ["  Later that day"]
    assert session.scrolled == ["", "  We went home, and stayed there.", ""]


def test_full_rows_of_finals_scroll_and_the_last_final_stays() -> None:
    session = Session(40)
    session.receive(final("one two three four five six seven eight nine ten", join=""))
    assert session.scrolled == []  # it may still be undone or edited
    shown = session.receive(final("eleven", 1))
    assert session.scrolled == ["", "  one two three four five six"]
    assert shown == ["  seven eight nine ten eleven"]


def test_a_row_in_the_scrollback_is_never_drawn_again() -> None:
    session = Session(40)
    said = [f"sentence number {n} has some words" for n in range(12)]
    for n, text in enumerate(said):
        shown = session.receive(final(text, n, " " if n % 5 else "\n\n"))
    everything = [*session.scrolled, *shown]
    assert " ".join(" ".join(everything).split()) == " ".join(said)


def test_times_stand_in_a_gutter_that_is_always_there() -> None:
    state = saying("word " * 40)
    for width, height in SIZES:
        plain_rows = rows(state, width, height)
        timed = rows(replace(state, timestamps=True), width, height)
        assert [row.removesuffix("0:00").rstrip() for row in timed] == plain_rows
        assert timed[1].endswith(" 0:00")


def test_only_the_tail_is_grey() -> None:
    state = saying("hello brave world", "hello brave")
    assert styles(state, "hello") == styles(state, "brave") == {DARK.text}
    assert styles(state, "world") == {DARK.tail}


def test_words_of_low_confidence_are_marked_without_their_marks() -> None:
    words = [["hello", 0.0, 0.4, 0.97], ["hell", 0.5, 0.9, 0.2], ["there", 1.0, 1.2, 0.9]]
    state = saying("hello hell, there", "hello hell, there", words)
    assert styles(state, "hell") == {"", DARK.unsure}
    assert marked(drawn(state).text) == ["hell"]
    for sure in (replace(state, info=replace(INFO, doubtful=0.1)), replace(state, marks=False)):
        assert marked(drawn(sure).text) == []


def test_what_may_still_change_is_grey_and_not_marked_besides() -> None:
    words = [["hell", 0.0, 0.4, 0.2], ["there", 0.5, 0.9, 0.2]]
    assert marked(drawn(saying("hell there", "hell", words)).text) == ["hell"]


def test_marks_are_in_the_newest_utterance_only_where_it_can_be_edited() -> None:
    model, setter = ViewModel(ViewState(INFO)), Typesetter(DARK)
    for number, word in enumerate(("hell", "hair")):
        words = [[word, 0.0, 0.4, 0.2]]
        model.receive(event_of({"final": {"text": word, "segment": number, "words": words}}))
        state = model.take()
        assert marked(setter.scroll(state.pending, state, layout_of(80))) == []
        assert marked(render(state, setter, 80, 24).text) == [word]
    state = model.take(ending="")
    assert marked(setter.scroll(state.pending, state, layout_of(80))) == []


@pytest.mark.parametrize("depth", [0, 16, 256])
@pytest.mark.parametrize("background", ["dark", "light", "neutral"])
def test_the_tail_differs_from_what_is_final_in_every_theme(background: str, depth: int) -> None:
    theme = make_theme(background, depth)
    assert theme.text == "" and theme.tail not in ("", theme.text)
    assert theme.loss != theme.tail and theme.warning != theme.tail
    if depth == 0:
        codes = {
            code
            for name, style in vars(theme).items()
            if name != "glyphs"
            for code in style.split(";")
        }
        assert codes <= {"", "1", "2", "4", "7"}


@pytest.mark.parametrize(("background", "ground"), [("dark", 0), ("light", 255)])
def test_colours_are_readable_on_their_background(background: str, ground: int) -> None:
    """Contrast by WCAG 2.1: 4.5 : 1 for text; the tail is read all the time."""
    theme = make_theme(background, 256)
    for style in (theme.quiet, theme.accent, theme.warning, theme.loss):
        assert contrast(int(style.rpartition(";")[2]), ground) >= 4.5, style
    assert contrast(int(theme.tail.rpartition(";")[2]), ground) >= 6


def contrast(code: int, ground: int) -> float:
    """The contrast of a colour of xterm's palette to black (0) or white (255)."""
    levels = (0, 95, 135, 175, 215, 255)
    if code >= 232:
        rgb = [8 + 10 * (code - 232)] * 3
    else:
        code -= 16
        rgb = [levels[code // 36], levels[code // 6 % 6], levels[code % 6]]

    def luminance(values: list[int]) -> float:
        linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4
                  for v in (value / 255 for value in values)]  # fmt: skip
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    a, b = sorted((luminance(rgb), luminance([ground] * 3)))
    return (b + 0.05) / (a + 0.05)


def test_glyphs_are_ascii_without_unicode() -> None:
    setter = Typesetter(make_theme("neutral", 16, ASCII))
    for state in (
        replace(saying("word " * 400), paused=True, panel="help"),
        replace(SPEAKING, loading=True, notice=Notice(0, 0.0, "a", "b")),
    ):
        shown = [plain(row) for row in render(state, setter, 40, 12).rows()]
        assert all(row.isascii() for row in shown)


@settings(max_examples=50, deadline=None)
@given(st.floats(-200, 20), st.floats(0, 30))
def test_the_meter_stays_in_its_columns_and_grows_with_the_level(level: float, more: float) -> None:
    for glyphs in (UNICODE, ASCII):
        for columns in (NARROW_METER, METER):
            shorter, longer = (meter_bar(db, columns, glyphs) for db in (level, level + more))
            assert len(shorter) <= len(longer) <= columns
    assert meter_bar(0.0, 6, ASCII) == "######" and meter_bar(-60.0, 6, UNICODE) == ""


@pytest.mark.parametrize(("background", "depth", "seen"), [
    ("dark", 256, True), ("light", 256, True), ("neutral", 256, False), ("dark", 16, False),
    ("dark", 0, False),
])  # fmt: skip
def test_the_whole_meter_has_a_ground_where_the_colours_are_known(
    background: str, depth: int, seen: bool
) -> None:
    row = render(SPEAKING, Typesetter(make_theme(background, depth)), 80, 24).rows()[-1]
    meter = "".join(span.text for span in row if "48;5;" in span.style)
    assert len(meter) == (METER if seen else 0)


def test_the_meter_of_a_recording_is_no_microphones_and_stands_in_the_same_place() -> None:
    recording = rows(replace(SPEAKING, info=replace(INFO, microphone=False)))[-1]
    assert recording.replace("vol▕", "mic▕") == rows(SPEAKING)[-1] != recording


def test_the_time_does_not_move_with_the_state() -> None:
    states = (SPEAKING, replace(SPEAKING, loading=True), replace(SPEAKING, paused=True))
    assert len({rows(state)[-1].index("0:12") for state in states}) == 1


def test_a_message_takes_no_row_where_it_fits() -> None:
    state = saying("some words")
    assert len(rows(replace(state, message="times on"))) == len(rows(state))
    assert rows(replace(state, message="times on"))[-1].endswith("▏  times on")
    narrow = rows(replace(state, message="3 lines saved in talk.txt"), 40)
    assert len(narrow) == len(rows(state, 40)) and narrow[-2] == "  3 lines saved in talk.txt"


def test_a_warning_stands_until_there_is_sound_again() -> None:
    silent = event_of({"stats": {"peak_dbfs": -120.0, "level_dbfs": -120.0}})
    warned = update(update(SPEAKING, Notice(1, 1.0, "only zeros", "unmute it")), silent)
    assert "  only zeros · unmute it" in rows(warned)
    assert styles(warned, "only zeros") == {DARK.warning}
    assert not any("only zeros" in row for row in rows(update(warned, event_of({"stats": {}}))))


def test_a_gap_is_red_in_the_scrollback_and_in_the_status() -> None:
    session = Session()
    session.receive(final("before", join=""), event_of({"gap": {"start": 1.0, "end": 1.5}}))
    assert session.scrolled == ["", "  before", "  lost 0.50 s of sound"]
    assert styles(replace(SPEAKING, lost_s=0.5), "lost") == {DARK.loss}


def test_before_the_first_words_it_says_what_to_do() -> None:
    loading = replace(SPEAKING, opened=False, loading=True)
    assert "  loading the model" in rows(loading) and "⠋ loading" in rows(loading)[-1]
    assert "  speak now" in rows(replace(loading, opened=True))
    assert "  speak now" in rows(SPEAKING)
    assert "  speak now" not in rows(saying("words"))
    recording = replace(SPEAKING, info=replace(INFO, microphone=False, doing="playing"))
    assert "speak now" not in "\n".join(rows(recording)) and "● playing" in rows(recording)[-1]


def test_the_line_is_edited_where_it_stands() -> None:
    state = replace(
        SPEAKING,
        finals=(event_of({"final": {"text": "We went hom"}}),),  # type: ignore[arg-type]
        edit=Edit(EditedLine("We went home", 12), 0, "We went hom"),
    )
    assert "› We went home" in [row.rstrip() for row in rows(state)]
    assert Span(" ", DARK.cursor) in [span for row in drawn(state).rows() for span in row]


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_the_search_shows_what_it_found_and_how_much(width: int, height: int) -> None:
    finals = tuple(
        event_of({"final": {"text": text, "start": 60.0 * n}})
        for n, text in enumerate(["the Fox", "a dog", "another fox"])
    )
    state = replace(SPEAKING, finals=finals, search=Search("fox"))  # type: ignore[arg-type]
    assert [row for row in rows(state, width, height) if "fox" in row] == [
        "  › fox   2 of 2, at 2:00", "  another fox",
    ]  # fmt: skip
    older = rows(replace(state, search=Search("fox", 1)), width, height)
    assert "  › fox   1 of 2, at 0:00" in older and "  the Fox" in older
    assert any("not found" in row for row in rows(replace(state, search=Search("cat"))))


def test_control_characters_of_devices_and_words_do_not_reach_the_terminal() -> None:
    evil = replace(INFO, device="mic\x1b]0;evil\x07", model="\x1b[2J")
    state = replace(SPEAKING, info=evil, panel="figures", message="\x1b[2J")
    assert "\x1b" not in "".join(rows(state))
    assert printable("a\x1b[2Jb\u2028c") == "a [2Jb c"


def test_times_are_formatted_as_minutes_and_seconds() -> None:
    assert [format_time(s) for s in (0, 59.9, 60, 3600, 36_061)] == [
        "0:00", "0:59", "1:00", "1:00:00", "10:01:01",
    ]  # fmt: skip
