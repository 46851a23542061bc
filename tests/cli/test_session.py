"""A live session around a stand-in for the engine: signals, outputs that fail, and the view."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import typer

from streamer.cli.support import session as session_module
from streamer.cli.support.session import LiveSession, choose_routing, data_stream
from streamer.errors import OutputError, StreamerError, UsageError
from streamer.events import Event, Final, Gap, Notice
from streamer.terminal.tty import streams as tty_streams

WORDS = Final(0, 0, 0.0, 1.0, "hello there", "hello there")


class Engine:
    """A transcriber of two utterances.

    Attributes:
        calls: what it was told to do.
    """

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.source: Any = None
        self.about = SimpleNamespace(
            rate_hz=16000, model="english", backend="onnx", compute_unit="CPU", doubtful=0.5
        )

    def stop(self) -> None:
        self.calls.append("stop")

    def close(self) -> None:
        self.calls.append("close")


class View:
    """Notes what it is told."""

    on_screen_ms = (1.0, 2.0)

    def __init__(self) -> None:
        self.told: list[Any] = []

    def say(self, line: str) -> None:
        self.told.append(line)

    def make_room(self) -> None:
        self.told.append("room")

    def write(self, event: Event) -> None:
        self.told.append(event)

    def loaded(self, info: Any) -> None:
        self.told.append(info.model)

    def close(self) -> None:
        self.told.append("closed")


class Outputs:
    """Outputs that end in one of several ways."""

    def __init__(self, **fate: bool) -> None:
        fates = dict.fromkeys(("stalled", "failed", "stop_requested"), False)
        self.__dict__.update({**fates, **fate})
        self.unsaved = 0

    def __enter__(self) -> Outputs:
        return self

    def __exit__(self, *_: object) -> None: ...

    def write(self, event: Event) -> list[Event]:
        return [event]

    def say_unsaved(self) -> None:
        self.unsaved += 1


def results(**values: Any) -> Any:
    chosen: dict[str, Any] = {
        "output": None, "on_final": None, "type": False, "stdout": False, "plain": False,
        "partials": False, "stream_format": "text", "timestamps": False, "theme": None,
        "output_options": lambda: None,
    }  # fmt: skip
    return SimpleNamespace(**{**chosen, **values})


def routing(**values: Any) -> Any:
    return SimpleNamespace(**{"writer_prints": False, "live": False, **values})


def played(*events: Event) -> Any:
    """Return a start of a stream of these events."""

    def start(on_open: Any) -> Iterator[Event]:
        on_open(SimpleNamespace(name="talk.wav"))
        yield from events

    return start


@pytest.fixture
def outputs(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Let a session have other outputs."""

    def install(**fate: bool) -> Outputs:
        made = Outputs(**fate)
        monkeypatch.setattr(session_module, "Outputs", lambda *_: made)
        return made

    return install


def session(engine: Engine, **values: Any) -> LiveSession:
    return LiveSession(engine, results(**values), routing())  # type: ignore[arg-type]


def test_without_a_view_gaps_and_warnings_are_lines(
    outputs: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    made, engine = outputs(), Engine()
    live = session(engine)
    events = (WORDS, Gap(1, 2.0, 2.5, 8000), Notice(2, 3.0, "it is soft", "come closer"))
    live.run(played(*events), "playing:")
    assert capsys.readouterr().err.splitlines() == [
        "playing: talk.wav", "gap: 0.50 s were lost at 2.00 s", "warning: it is soft - come closer",
    ]  # fmt: skip
    assert live.last == events[-1] and engine.calls == ["close"] and made.unsaved == 1


@pytest.mark.parametrize(("fate", "code"), [("failed", 1), ("stalled", 0)])
def test_outputs_that_end_badly_decide_the_exit_code(outputs: Any, fate: str, code: int) -> None:
    outputs(**{fate: True})
    with pytest.raises(typer.Exit) as caught:
        session(Engine()).run(played(WORDS), "playing:")
    assert caught.value.exit_code == code


def test_an_output_may_ask_for_the_end(outputs: Any) -> None:
    outputs(stop_requested=True)
    engine = Engine()
    session(engine).run(played(WORDS), "playing:")
    assert engine.calls == ["stop", "close"]


def test_a_reader_that_goes_away_ends_it_in_silence(
    outputs: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    outputs()
    discarded: list[bool] = []
    monkeypatch.setattr(session_module, "discard_standard_output", lambda: discarded.append(True))
    engine = Engine()

    def start(on_open: Any) -> Iterator[Event]:
        yield WORDS
        raise BrokenPipeError

    session(engine).run(start, "playing:")
    assert discarded == [True] and engine.calls == ["close"] and capsys.readouterr().err == ""


def test_a_signal_before_the_source_is_open_stops_it_once_it_is(
    outputs: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    outputs()

    class Shutdown:
        requested, exit_code = True, 130

        def __init__(self, stop: Any) -> None: ...

        def __enter__(self) -> Shutdown:
            return self

        def __exit__(self, *_: object) -> None: ...

    monkeypatch.setattr(session_module, "GracefulShutdown", Shutdown)
    engine = Engine()
    session(engine).run(played(), "playing:")
    assert engine.calls == ["stop", "close"]


def test_the_view_makes_room_for_what_is_written_elsewhere() -> None:
    live, view = session(Engine()), View()
    live._view = view  # type: ignore[assignment]
    live._info = session_info()
    outputs: Any = Outputs()
    live._handle(outputs, WORDS)
    live._handle(outputs, Gap(1, 2.0, 2.5, 8000))
    assert view.told[:2] == ["english", "room"]
    assert [type(told) for told in view.told[2:]] == [Final, Gap]


def session_info() -> Any:
    from streamer.terminal import ViewInfo

    return ViewInfo()


@pytest.mark.parametrize(
    ("output", "told"), [(Path("a.txt"), ["undone here; lines written elsewhere stay"]), (None, [])]
)
def test_a_change_on_the_screen_says_what_stays_elsewhere(
    output: Path | None, told: list[str]
) -> None:
    live, view = session(Engine(), output=output), View()
    live._view = view  # type: ignore[assignment]
    live._changed("undone")
    assert view.told == told


def test_a_recording_cannot_be_paused_and_a_microphone_can() -> None:
    engine = Engine()
    live, paused = session(engine), []
    engine.source = SimpleNamespace(name="talk.wav")
    with pytest.raises(UsageError, match="cannot be paused"):
        live._pause(lambda: paused.append(True))
    engine.source = SimpleNamespace(name="Yeti", pause=None)
    live._pause(lambda: paused.append(True))
    assert paused == [True]


def test_a_model_that_cannot_be_loaded_is_left_to_the_stream_to_tell() -> None:
    class Broken(Engine):
        @property
        def about(self) -> Any:
            raise StreamerError("no model", "pull one")

        @about.setter
        def about(self, value: Any) -> None: ...

    live = session(Broken())
    live._view = View()  # type: ignore[assignment]
    live._load_quietly()
    assert not live._loading


def test_a_closed_standard_output_needs_another_place_for_the_words(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    with pytest.raises(OutputError, match="standard output is closed"):
        data_stream(lambda: False, results())
    assert data_stream(lambda: False, results(output=Path("a.txt"))) is None
    assert data_stream(lambda: False, results(on_final="true")) is None


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"stream_format": "jsonl"}, True),
        ({"stream_format": "jsonl", "output": Path("a.jsonl")}, False),
        ({"stream_format": "jsonl", "stdout": True}, False),
        ({}, False),
    ],
)
def test_data_on_a_terminal_say_how_to_keep_the_live_view(
    values: dict[str, Any], told: bool, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setattr(tty_streams, "is_terminal", lambda stream: True)
    choose_routing(results(**values))
    assert ("-o FILE.jsonl keeps the live view" in capsys.readouterr().err) == told
