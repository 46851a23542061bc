"""The first load of a Core ML model holds no lock of this process: the live view draws."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import shutil
import struct
import sys
import termios
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TextIO

import pytest

pytest.importorskip("coremltools", reason="needs coremltools to write models")
if sys.platform == "win32":
    pytest.skip("needs pseudo-terminals", allow_module_level=True)

from streamer.acoustic import coreml_first_load, coreml_model
from streamer.acoustic.coreml_cache import content_key
from streamer.acoustic.coreml_first_load import load_in_child
from streamer.acoustic.coreml_model import CoreMLAcousticModel
from streamer.convert.coreml import write_coreml
from streamer.errors import ModelError
from streamer.events import Partial, Word
from streamer.terminal import LiveView, ViewInfo
from tests.acoustic.test_coreml_model import Runtime
from tests.support.models.bundles import random_weights
from tests.support.models.held_coreml import held_file, let_go
from tests.support.paths import ROOT

#: Guards against hangs only, in seconds.
LIMIT_S = 60.0
#: Between two looks at a file or a count.
TICK_S = 0.02
#: The stand-in of the child: Core ML that holds the lock until it is let go.
CHILD = (sys.executable, "-m", "tests.support.models.held_coreml")


@pytest.fixture
def network(tmp_path: Path) -> Path:
    return write_coreml(random_weights(8), tmp_path / "network.mlpackage", 4)


@pytest.fixture
def gate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A pipe that the stand-in waits at."""
    os.mkfifo(tmp_path / "gate")
    monkeypatch.setenv("HELD_COREML_GATE", str(tmp_path / "gate"))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    return tmp_path / "gate"


@contextlib.contextmanager
def terminal() -> Iterator[TextIO]:
    """A pseudo-terminal whose output is read and dropped."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))

    def drain() -> None:
        with contextlib.suppress(OSError):
            while os.read(ours, 65536):
                pass

    reader = threading.Thread(target=drain, daemon=True)
    reader.start()
    with os.fdopen(theirs, "w") as stream:
        yield stream
    reader.join(LIMIT_S)
    os.close(ours)


def frames_while_loading(network: Path, cache: Path, gate: Path, wanted: int = 3) -> int:
    """How many frames the view draws while the stand-in holds its lock, up to the wanted ones."""
    made: list[CoreMLAcousticModel] = []

    def first_load(model: Path, compiled: Path, compute_units: str) -> None:
        load_in_child(model, compiled, compute_units, CHILD)

    def load() -> None:
        model = CoreMLAcousticModel(network, runtime=Runtime(), cache=cache, first_load=first_load)
        made.append(model)

    info = ViewInfo("microphone", 48_000, "english", "coreml", "CPU_AND_NE")
    with terminal() as stream, LiveView(info, file=stream) as view:
        loading = threading.Thread(target=load, daemon=True)
        loading.start()
        while loading.is_alive() and not held_file(gate).exists():
            loading.join(TICK_S)
        before, seq = view.frames, 0
        while loading.is_alive() and view.frames < before + wanted:
            words = tuple(Word(f"word{k}", k, k + 0.5, 0.9) for k in range(seq % 5 + 1))
            text = " ".join(word.word for word in words)
            view.write(Partial(0, seq, 0.0, 1.0, text, "", words, 1.0))
            seq += 1
            loading.join(TICK_S)
        drawn = view.frames - before if loading.is_alive() else 0
        let_go(gate)
        loading.join(LIMIT_S)
    assert len(made) == 1 and made[0].n_hidden == 8
    return drawn


def test_the_view_draws_while_core_ml_compiles_and_holds_the_lock(
    network: Path, tmp_path: Path, gate: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert frames_while_loading(network, tmp_path / "cache", gate) >= 3
    captured = capsys.readouterr()
    assert "preparing the model for this Mac, once" in captured.err
    assert "compiler's own words" not in captured.out + captured.err


def test_each_model_is_prepared_once_for_each_compute_units(network: Path, tmp_path: Path) -> None:
    asked: list[tuple[bool, str]] = []

    def first_load(model: Path, compiled: Path, compute_units: str) -> None:
        asked.append((compiled.is_dir(), compute_units))
        if not compiled.is_dir():
            Runtime().compile_model(str(model), str(compiled))

    for units in ("CPU_AND_NE", "CPU_AND_NE", "ALL", "CPU_AND_NE", "ALL"):
        CoreMLAcousticModel(network, units, None, Runtime(), tmp_path / "cache", first_load)
    assert asked == [(False, "CPU_AND_NE"), (True, "ALL")]


def test_a_child_that_fails_is_one_line_and_asked_again(network: Path, tmp_path: Path) -> None:
    def first_load(model: Path, compiled: Path, compute_units: str) -> None:
        program = [sys.executable, "-c", "raise RuntimeError('no Neural Engine')"]
        load_in_child(model, compiled, compute_units, program)

    for _ in range(2):
        with pytest.raises(ModelError, match="no Neural Engine") as caught:
            CoreMLAcousticModel(network, "ALL", None, Runtime(), tmp_path / "cache", first_load)
        assert "\n" not in str(caught.value)
    assert list((tmp_path / "cache").iterdir()) == []


def test_core_ml_itself_is_asked_by_a_child(
    network: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Sequence[object]] = []

    def note(model: Path, compiled: Path, compute_units: str) -> None:
        asked.append((model, compiled, compute_units))
        Runtime().compile_model(str(model), str(compiled))

    monkeypatch.setattr(coreml_model, "CoreMLTools", Runtime)
    monkeypatch.setattr(coreml_model, "load_in_child", note)
    CoreMLAcousticModel(network, cache=tmp_path / "cache")
    compiled = tmp_path / "cache" / f"{content_key(network)}.mlmodelc"
    assert asked == [(network, compiled, "CPU_AND_NE")]


def test_the_child_compiles_whole_and_loads_from_the_final_place(
    network: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime = Runtime()
    monkeypatch.setattr("streamer.acoustic.coreml_runtime.CoreMLTools", lambda: runtime)
    compiled = tmp_path / "x.mlmodelc"
    monkeypatch.setattr(sys, "argv", ["child", str(network), str(compiled), "CPU_ONLY"])
    coreml_first_load.main()
    shutil.rmtree(network)
    coreml_first_load.main()  # compiled already
    assert [path for path, _ in runtime.loaded] == [str(compiled)] * 2
    assert len(runtime.compiled) == 1 and not list(tmp_path.glob("*.part"))
