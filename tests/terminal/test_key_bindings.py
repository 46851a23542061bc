"""The keys of the live view, without a terminal."""

from __future__ import annotations

import base64
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamer.errors import DeviceError
from streamer.terminal.drawing.theme import make_theme
from streamer.terminal.key_bindings import KeyHandler, ViewActions
from streamer.terminal.line_editor import EditedLine
from streamer.terminal.region import LiveRegion
from streamer.terminal.search import Search
from streamer.terminal.view_model import ViewModel
from streamer.terminal.view_state import Undone, ViewInfo, ViewState, replaced_words, transcript
from tests.support.events import final

EDITING_KEYS = (
    "left", "right", "home", "end", "delete", "ctrl-left", "ctrl-right", "alt-b", "alt-f", "alt-d",
    "\x01", "\x05", "\x02", "\x06", "\x7f", "\x08", "\x04", "\x17", "\x15", "\x0b", "up",
)  # fmt: skip
INFO = ViewInfo("microphone", 16_000, "english", "onnx", "CPU")


@pytest.fixture
def model() -> ViewModel:
    return ViewModel(ViewState(INFO))


def handler(model: ViewModel, actions: ViewActions) -> KeyHandler:
    region = LiveRegion(io.StringIO(), make_theme("neutral", 16))
    region.attach()
    return KeyHandler(actions, model, region)


@pytest.mark.parametrize("key", ["\n", "s", "q"])
def test_a_key_without_an_action_says_so(model: ViewModel, key: str) -> None:
    handler(model, ViewActions()).press(key)
    assert model.state.message == "this key has nothing to do here"


def test_an_unknown_key_changes_nothing(model: ViewModel) -> None:
    before = model.state
    handler(model, ViewActions()).press("z")
    assert model.state is before


def test_m_shows_and_hides_the_underlines_and_says_what_they_mean(model: ViewModel) -> None:
    keys = handler(model, ViewActions())
    keys.press("m")
    assert (model.state.marks, model.state.message) == (False, "nothing is underlined")
    keys.press("m")
    assert (model.state.marks, model.state.message) == (True, "underlined: may be wrong")


def test_space_pauses_and_resumes(model: ViewModel) -> None:
    done: list[str] = []
    keys = handler(
        model,
        ViewActions(pause=lambda: done.append("pause"), resume=lambda: done.append("resume")),
    )
    keys.press(" ")
    assert model.state.paused
    keys.press(" ")
    assert not model.state.paused and done == ["pause", "resume"]


def test_an_action_that_fails_leaves_the_state_and_shows_the_error(model: ViewModel) -> None:
    def busy() -> None:
        raise DeviceError("the microphone is busy", "close the other program")

    handler(model, ViewActions(pause=busy)).press(" ")
    assert not model.state.paused
    assert model.state.message == "error: the microphone is busy - close the other program"


def test_undo_passes_the_final_on_once(model: ViewModel) -> None:
    undone: list[str] = []
    keys = handler(model, ViewActions(undo=lambda last: undone.append(last.text)))
    model.receive(final("one"))
    keys.press("u")
    keys.press("u")
    assert undone == ["one"] and model.state.message == "nothing to undo"


def typed(keys: KeyHandler, *pressed: str) -> None:
    for key in pressed:
        keys.press(key)


def test_undo_says_so_once(model: ViewModel) -> None:
    keys = handler(model, ViewActions())
    model.receive(final("one"))
    model.receive(final("two", segment=1))
    model.take()  # "one" is in the scrollback now, "two" is not
    keys.press("u")
    assert model.state.message == "undone" and Undone("two") not in model.state.pending
    model.change(message=None)
    keys.press("u")
    assert model.state.message is None and Undone("one") in model.state.pending


def test_e_edits_the_last_final(model: ViewModel) -> None:
    edited: list[str] = []
    keys = handler(model, ViewActions(edit=edited.append))
    model.receive(final("I met filips"))
    typed(keys, "e", "\x17", *"Philip", "\n")
    assert edited == ["I met Philip"] and transcript(model.state) == "I met Philip"
    typed(keys, "e", *"xyz", "escape")
    assert edited == ["I met Philip"] and transcript(model.state) == "I met Philip"


def test_what_is_said_while_editing_waits_and_the_mark_stays(model: ViewModel) -> None:
    keys = handler(model, ViewActions())
    model.receive(final("we went hom"))
    keys.press("e")
    keys.press("e")
    model.receive(final("and stayed", segment=1, join=", "))
    state = model.take()
    assert [item.display for item in state.held] == ["we went hom,", "and stayed"]
    keys.press("\n")
    assert transcript(model.state) == "we went home, and stayed"
    assert [item.display for item in model.take().pending] == ["we went home,"]  # type: ignore[union-attr]


def test_a_correction_can_be_remembered_with_one_key(model: ViewModel) -> None:
    remembered: list[tuple[str, str]] = []
    keys = handler(model, ViewActions(remember=lambda *pair: remembered.append(pair)))
    model.receive(final("I met filips today"))
    typed(keys, "e", "ctrl-left", *["\x7f"] * 7, *"Philip ", "\n")
    assert model.state.message == 'r: always write "Philip" for "filips"'
    typed(keys, "r", "r")
    assert remembered == [("filips", "Philip")]


def test_without_a_place_for_it_nothing_is_offered(model: ViewModel) -> None:
    keys = handler(model, ViewActions())
    model.receive(final("I met filips"))
    typed(keys, "e", "\x17", *"Philip", "\n")
    assert model.state.message is None


def test_x_copies_the_last_final_and_c_all(model: ViewModel) -> None:
    stream = io.StringIO()
    region = LiveRegion(stream, make_theme("neutral", 16))
    region.attach()
    keys = KeyHandler(ViewActions(), model, region)
    model.receive(final("one"))
    model.receive(final("two", segment=1, join="\n\n"))
    keys.press("x")
    assert base64.b64encode(b"two").decode() in stream.getvalue()
    assert model.state.message == "1 word sent to the clipboard"
    keys.press("c")
    assert base64.b64encode(b"one\n\ntwo").decode() in stream.getvalue()


def test_slash_looks_for_words_and_arrows_go_on(model: ViewModel) -> None:
    keys = handler(model, ViewActions())
    typed(keys, "/", *"q")  # not the key that quits
    assert model.state.search == Search("q")
    typed(keys, "\x7f", *"the", "up", "up", "down")
    assert model.state.search == Search("the", 1)
    keys.press("escape")
    assert model.state.search is None


def test_one_panel_is_open_at_a_time(model: ViewModel) -> None:
    keys = handler(model, ViewActions())
    for key, panel in (("?", "help"), ("i", "figures"), ("i", None), ("?", "help"), ("?", None)):
        keys.press(key)
        assert model.state.panel == panel


@settings(max_examples=50, deadline=None)
@given(
    st.text(alphabet="ab ,é", max_size=20),
    st.lists(st.sampled_from([*"ab ", *EDITING_KEYS]), max_size=30),
)
def test_the_editor_keeps_its_cursor_in_the_line(text: str, pressed: list[str]) -> None:
    line = EditedLine(text, len(text))
    for key in pressed:
        line = line.press(key)
        assert 0 <= line.at <= len(line.text)


@pytest.mark.parametrize(
    ("pressed", "text"),
    [
        (["\x01", "X"], "Xone two three"),
        (["\x05", "X"], "one two threeX"),
        (["\x17"], "one two "),
        (["\x15"], ""),
        (["\x01", "\x0b"], ""),
        (["left", "\x7f"], "one two thre"[:-1] + "e"),
        (["home", "delete"], "ne two three"),
        (["ctrl-left", "ctrl-left", "X"], "one Xtwo three"),
        (["alt-b", "alt-d"], "one two "),
        (["home", "alt-f", "X"], "oneX two three"),
        (["up", "\x00", "escape"], "one two three"),
    ],
)
def test_the_editor_has_the_keys_of_readline(pressed: list[str], text: str) -> None:
    line = EditedLine("one two three", 13)
    for key in pressed:
        line = line.press(key)
    assert line.text == text


@pytest.mark.parametrize(
    ("before", "after", "pair"),
    [
        ("I met filips today", "I met Philip today", ("filips", "Philip")),
        ("we met in new yolk.", "we met in New York.", ("new yolk", "New York")),
        ("so it is", "so it really is", None),
        ("so it is", "so it", None),
        ("a b c d e f", "g h i j k l", None),
    ],
)
def test_what_an_edit_replaced(before: str, after: str, pair: tuple[str, str] | None) -> None:
    assert replaced_words(before, after) == pair
