"""The keys of the live view, without a terminal."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from streamer.errors import DeviceError
from streamer.terminal.drawing.theme import NEUTRAL
from streamer.terminal.key_bindings import KeyHandler, ViewActions
from streamer.terminal.region import LiveRegion
from streamer.terminal.view_model import ViewModel
from streamer.terminal.view_state import ViewInfo, ViewState
from tests.support.events import final

INFO = ViewInfo("microphone", 16_000, "english", "onnx", "CPU")


@pytest.fixture
def model() -> ViewModel:
    return ViewModel(ViewState(INFO))


def handler(model: ViewModel, actions: ViewActions) -> KeyHandler:
    region = LiveRegion(Console(file=io.StringIO()), NEUTRAL)
    region.attach()
    return KeyHandler(actions, model, region)


@pytest.mark.parametrize("key", ["\n", "s", "q"])
def test_a_key_without_an_action_says_so(model: ViewModel, key: str) -> None:
    handler(model, ViewActions()).press(key)
    assert model.state.message == "this key has nothing to do here"


def test_an_unknown_key_changes_nothing(model: ViewModel) -> None:
    before = model.state
    handler(model, ViewActions()).press("x")
    assert model.state is before


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
