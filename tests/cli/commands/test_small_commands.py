"""Commands around stand-ins: what they ask, say, and refuse."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import typer

from streamer.cli.app import run
from streamer.cli.commands.machine.config import _open_editor
from streamer.cli.commands.speech.demo import figures, print_table
from streamer.cli.support import memory, messages, signals
from streamer.cli.support.messages import echo, say
from streamer.cli.support.signals import GracefulShutdown
from streamer.errors import DeviceError, UsageError
from tests.support.events import stats

doctor = import_module("streamer.cli.commands.machine.doctor")


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith("STREAMER_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("STREAMER_CONFIG", os.devnull)
    monkeypatch.setenv("STREAMER_MODELS", str(tmp_path / "models"))


# streamer demo

ABOUT: Any = SimpleNamespace(
    model="english", backend="onnx", compute_unit="CPU", decoder="beam", compiled=None
)


def test_the_figures_of_a_stream_are_rows() -> None:
    rows = dict(figures(stats(), ABOUT, (12.0, 34.0)))
    assert rows["network"] == "onnx on CPU" and rows["on the screen"] == "p50 12.0 ms, p95 34.0 ms"
    assert "on the screen" not in dict(figures(stats(), ABOUT))


def test_a_stream_without_words_has_no_latency() -> None:
    rows = dict(figures(stats(latency_p50_ms=None, latency_p95_ms=None), ABOUT))
    assert rows["latency"] == "nothing was said"


def test_a_stream_that_broke_off_has_no_figures_of_its_own() -> None:
    assert [name for name, _ in figures(None, ABOUT)] == ["model", "network", "decoder", "memory"]


def test_where_a_system_does_not_tell_the_memory_it_is_unknown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(memory, "peak_memory_mb", lambda: None)
    assert dict(figures(None, ABOUT))["memory"] == "unknown"


def test_long_values_are_wrapped_under_their_column(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    print_table([("a", "b c " * 30), ("empty", "")])
    lines = capsys.readouterr().err.splitlines()
    assert (
        lines[0] == "" and lines[1].startswith("  a      b c b") and lines[-1].rstrip() == "  empty"
    )
    assert all(line.startswith(" " * 9) for line in lines[2:-1]) and max(map(len, lines)) <= 40


# Memory, messages, signals


def test_without_proc_the_peak_is_asked_of_the_system(monkeypatch: pytest.MonkeyPatch) -> None:
    resource = pytest.importorskip("resource")
    usage = SimpleNamespace(ru_maxrss=250_000)
    monkeypatch.setattr(resource, "getrusage", lambda who: usage)
    monkeypatch.setattr(Path, "is_file", lambda path: False)
    monkeypatch.setattr(sys, "platform", "freebsd")
    assert memory.peak_memory_mb() == pytest.approx(256.0)
    monkeypatch.setattr(sys, "platform", "darwin")  # bytes, not kibibytes
    assert memory.peak_memory_mb() == pytest.approx(0.25)
    monkeypatch.setitem(sys.modules, "resource", None)  # Windows
    assert memory.peak_memory_mb() is None


def test_a_status_without_the_peak_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("resource")
    monkeypatch.setattr(Path, "is_file", lambda path: True)
    monkeypatch.setattr(Path, "read_text", lambda path: "Name: streamer\nVmRSS: 9 kB\n")
    peak_mb = memory.peak_memory_mb()
    assert peak_mb is not None and peak_mb > 1


def test_without_standard_streams_nothing_is_printed_and_nothing_fails(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with monkeypatch.context() as closed:
        for name in ("stdout", "stderr"):
            closed.setattr(sys, name, None)
        say("a line")
        echo("a line")
        messages.say_error("a line")
    assert capsys.readouterr() == ("", "")


def test_an_error_that_a_terminal_cannot_write_is_escaped(monkeypatch: pytest.MonkeyPatch) -> None:
    ascii_only = io.TextIOWrapper(io.BytesIO(), "ascii", write_through=True)
    monkeypatch.setattr(sys, "stderr", ascii_only)
    messages.say_error("no model 'tüte'\n - pull it")
    assert ascii_only.buffer.getvalue() == b"error: no model 't\\xfcte' - pull it\n"  # type: ignore[attr-defined]


@pytest.mark.skipif(os.name == "nt", reason="needs signals of POSIX")
def test_the_first_signal_asks_for_the_end_and_the_second_ends_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import signal

    codes: list[int] = []
    monkeypatch.setattr(os, "_exit", codes.append)
    before, ignored = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGHUP)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as under nohup
    try:
        stopped: list[bool] = []
        with GracefulShutdown(lambda: stopped.append(True)) as shutdown:
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
            signal.raise_signal(signal.SIGINT)
            assert stopped == [True] and shutdown.requested and shutdown.exit_code == 130
            assert codes == []
            signal.raise_signal(signal.SIGTERM)
            assert codes == [128 + signal.SIGTERM]
        assert signal.getsignal(signal.SIGINT) is before
    finally:
        signal.signal(signal.SIGHUP, ignored)


@pytest.mark.skipif(os.name == "nt", reason="needs descriptors of POSIX")
def test_standard_output_whose_reader_is_gone_is_redirected_to_nowhere(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    read, write = os.pipe()
    with os.fdopen(write, "w") as output:
        monkeypatch.setattr(sys, "stdout", output)
        os.close(read)
        signals.discard_standard_output()
        print("nobody reads this", flush=True)


# streamer config --edit


@pytest.mark.skipif(os.name == "nt", reason="needs programs of POSIX")
def test_editing_creates_the_file_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "config.toml"
    monkeypatch.setenv("STREAMER_CONFIG", str(file))
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.setenv("EDITOR", "test -s")
    assert run(["config", "--edit"]) == 0
    assert "Remove the # in front of an option" in file.read_text(encoding="utf-8")
    for editor, said in (("false", "the editor 'false' failed"), ("no-such", "cannot run the edi")):
        monkeypatch.setenv("EDITOR", editor)
        with pytest.raises(UsageError, match=said):
            _open_editor(file)
    monkeypatch.setenv("VISUAL", "true")  # comes before EDITOR
    _open_editor(file)


# streamer doctor


class Microphone:
    """A source of a few blocks."""

    name, opened_rate_hz, opened_channels = "Blue Yeti", 44100.0, 2
    closed = False

    def __init__(self, *blocks: Any) -> None:
        self.blocks = list(blocks)

    def open(self, rate_hz: int) -> None: ...

    def read(self) -> Any:
        return self.blocks.pop(0) if self.blocks else None

    def close(self) -> None:
        self.closed = True


def recorded(monkeypatch: pytest.MonkeyPatch, source: Microphone) -> str:
    monkeypatch.setattr("streamer.audio.sources.microphone.MicrophoneSource", lambda wanted: source)
    text: str = doctor._microphone(None)
    assert source.closed
    return text


def test_a_microphone_that_is_heard_is_named_with_its_level(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sound = np.full(16000, 0.1, np.float32)
    source = Microphone(np.zeros(16000, np.float32), sound, sound, sound)
    text = recorded(monkeypatch, source)
    assert text.startswith("Blue Yeti, opened at 44100 Hz, 2 channel(s), level -")


@pytest.mark.parametrize("blocks", [(), (np.zeros(800, np.float32),)])
def test_a_microphone_that_ends_in_silence_may_be_muted(
    monkeypatch: pytest.MonkeyPatch, blocks: tuple[Any, ...]
) -> None:
    source = Microphone(*blocks)
    with pytest.raises(DeviceError, match='"Blue Yeti" delivers only zeros'):
        recorded(monkeypatch, source)
    assert source.closed


def test_a_model_that_is_not_there_is_checked_no_further() -> None:
    lines: list[str] = []
    report = doctor._Report(doctor.choose_marks("utf-8", 0), 200, lines.append)
    doctor._check_model(report, SimpleNamespace(model="no-such-model"))
    assert report.failures == 1 and "no model called no-such-model" in lines[0]
    assert not any("backend" in line or "decoder" in line for line in lines)


# streamer models


def test_of_the_models_those_installed_are_not_offered(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from streamer.models import RECOMMENDED

    name = next(iter(RECOMMENDED))
    found = SimpleNamespace(name=name, size=9e6, licence="MPL-2.0", folder=tmp_path)
    monkeypatch.setattr("streamer.models.ModelStore.installed", lambda store: [found])
    assert run(["models", "list"]) == 0
    rows = [line for line in capsys.readouterr().out.splitlines() if line.startswith(name)]
    assert len(rows) == 1 and "9 MB" in rows[0]


def test_a_public_model_is_pulled_only_once_somebody_agrees(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    from streamer.models import KNOWN

    pulled: list[Any] = []

    def pull(store: Any, model: Any, *_: Any, **__: Any) -> Path:
        pulled.append(model)
        return tmp_path

    monkeypatch.setattr("streamer.models.ModelStore.pull", pull)
    console = SimpleNamespace(is_terminal=True)
    monkeypatch.setattr("streamer.cli.support.progress_bar.bar_console", lambda: console)
    monkeypatch.setattr("rich.progress.Progress", lambda *_, **__: contextlib.nullcontext())
    name = next(iter(KNOWN))
    for answer in (False, True):
        monkeypatch.setattr(typer, "confirm", lambda *_, answer=answer, **__: answer)
        assert run(["models", "pull", name, "--as", "mine"]) == (0 if answer else 1)
        assert len(pulled) == answer
    assert pulled[0].name == "mine" and pulled[0].network == KNOWN[name].network
    assert "use it with: streamer --model mine" in capsys.readouterr().err


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_hostile_folder_is_escaped_on_a_terminal_and_exact_in_a_pipe(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    hostile = str(tmp_path / "\x1b[31mred")
    monkeypatch.setenv("STREAMER_MODELS", hostile)
    assert run(["models", "path"]) == 0
    assert capsys.readouterr().out == f"{hostile}\n"
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    assert run(["models", "path"]) == 0
    assert "\x1b" not in terminal.getvalue() and "red" in terminal.getvalue()


# streamer replay


def test_a_replay_ends_with_its_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    replay = import_module("streamer.cli.commands.speech.replay")
    written: list[str] = []

    @contextlib.contextmanager
    def screen(*_: Any) -> Iterator[Any]:
        yield SimpleNamespace(erased=True, write=written.append)

    monkeypatch.setattr("streamer.terminal.tty.full_screen.FullScreen", screen)
    monkeypatch.setattr(sys, "stdout", SimpleNamespace(fileno=lambda: 1))
    pressed: list[str] = []
    controller = SimpleNamespace(
        ended=False, screen=lambda columns, lines: ["a row"],
        press=lambda key, columns: pressed.append(key),
    )  # fmt: skip
    answers: list[Any] = [["space"], [], None]
    keyboard = SimpleNamespace(read=lambda wait_s: answers.pop(0))
    replay._show(controller, None, keyboard)
    assert pressed == ["space"] and answers == []
    assert written == ["\x1b[Ha row\x1b[J"]  # drawn when it changes
