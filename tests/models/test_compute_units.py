"""Measuring compute units, with a stand-in for Core ML that enforces the contract."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from streamer.acoustic.coreml_runtime import COMPUTE_UNITS
from streamer.errors import ConversionError, ModelError, UsageError
from streamer.models import compute_units as compute_units
from streamer.models import compute_units as units


class Clock:
    """A clock that only advances during computation."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class StandIn:
    """An acoustic model of a given speed, with Core ML's argument checks."""

    n_steps, n_context, n_input, n_hidden, n_labels = 16, 9, 26, 8, 29
    backend = "coreml"
    flexible_steps = False

    def __init__(self, clock: Clock, compute_unit: str, times_ms: list[float], bad: bool) -> None:
        self.compute_unit = compute_unit
        self.calls = 0
        self._clock, self._times, self._bad = clock, times_ms, bad
        self._given: tuple[Any, Any] = self.initial_state()

    def initial_state(self) -> tuple[Any, Any]:
        return np.zeros((1, 8), np.float32), np.zeros((1, 8), np.float32)

    def infer(self, window: Any, n: int, state: tuple[Any, Any]) -> Any:
        assert window.dtype == np.float32 and window.shape == (1, 16, 19, 26) and n == 16
        assert all(part.dtype == np.float32 and part.shape == (1, 8) for part in state)
        if self.calls:
            assert all(a is b for a, b in zip(state, self._given)), "the state was not carried"
        self._clock.now += self._times[self.calls % len(self._times)] / 1000
        self.calls += 1
        # Rounded, as from a float16 network.
        value = np.float16(1 / 29) if not self._bad else np.float16(np.nan)
        self._given = (
            np.full((1, 8), self.calls, np.float16).astype(np.float32),
            np.zeros((1, 8), np.float32),
        )
        return np.full((n, 29), value, np.float32), self._given


def loader(clock: Clock, times: dict[str, list[float]], bad: bool = False) -> Any:
    def load(path: Path, compute_unit: str) -> StandIn:
        return StandIn(clock, compute_unit, times[compute_unit], bad)

    return load


def package(folder: Path, content: bytes = b"weights") -> Path:
    path = folder / "model.mlpackage"
    path.mkdir(exist_ok=True)
    (path / "weight.bin").write_bytes(content)
    return path


def test_medians_and_slow_windows_are_those_of_the_clock(tmp_path: Path) -> None:
    clock = Clock()
    times = {name: [1.0] * 9 + [11.0] for name in COMPUTE_UNITS}
    times["CPU_AND_NE"] = [2.0]
    found = units.measure(package(tmp_path), windows=100, loader=loader(clock, times), clock=clock)
    assert [m.compute_units for m in found] == list(COMPUTE_UNITS)
    for m in found:
        wanted = (2, 2) if m.compute_units == "CPU_AND_NE" else (1, 11)
        assert (m.p50_ms, m.p95_ms) == pytest.approx(wanted)
    # Slow windows delay live speech: a steady 2 ms is better than 1 ms with outliers.
    assert units.fastest(found).compute_units == "CPU_AND_NE"


def test_what_was_found_is_remembered_for_this_content_and_this_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = package(tmp_path)
    cache = tmp_path / "cache"
    assert units.recall(model, cache) is None
    found = units.Measurement("model.mlpackage", "CPU_AND_NE", 1.0, 2.0, 100)
    units.remember(model, found, cache)
    assert units.recall(model, cache) == "CPU_AND_NE"
    units.remember(model, units.Measurement("model.mlpackage", "ALL", 0.5, 1.0, 100), cache)
    assert units.recall(model, cache) == "ALL"
    package(tmp_path, b"other weights")
    assert units.recall(model, cache) is None
    package(tmp_path)
    assert units.recall(model, cache) == "ALL"
    monkeypatch.setattr(units, "machine", lambda: "another Mac")
    assert units.recall(model, cache) is None


@pytest.mark.parametrize("content", ["", "{", "[]", '{"x": 3}', json.dumps({"a": {}})])
def test_a_damaged_memory_is_no_memory(tmp_path: Path, content: str) -> None:
    model = package(tmp_path)
    (tmp_path / "compute-units.json").write_text(content, encoding="utf-8")
    assert units.recall(model, tmp_path) is None
    found = units.Measurement("model.mlpackage", "CPU_ONLY", 1.0, 2.0, 100)
    units.remember(model, found, tmp_path)
    assert units.recall(model, tmp_path) == "CPU_ONLY"


def test_answers_that_are_no_numbers_are_not_a_measurement(tmp_path: Path) -> None:
    clock = Clock()
    times = {name: [1.0] for name in COMPUTE_UNITS}
    with pytest.raises(ModelError, match="numbers on CPU_ONLY"):
        units.measure(package(tmp_path), loader=loader(clock, times, bad=True), clock=clock)


def test_unknown_units_and_empty_measurements_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="TPU"):
        units.measure(package(tmp_path), ["TPU"])
    with pytest.raises(ModelError):
        units.measure(package(tmp_path), windows=0)
    with pytest.raises(ModelError):
        units.fastest([])


def bundle_with_core_ml(folder: Path) -> Any:
    pytest.importorskip("coremltools", reason="coremltools is not installed")
    import dataclasses

    from streamer.convert.coreml import write_coreml
    from tests.support.models.bundles import make_tiny_bundle, random_weights

    bundle = make_tiny_bundle(folder)
    own = write_coreml(random_weights(32), folder / "tiny.mlpackage", shape="unrolled")
    networks = {**bundle.networks, "coreml-unrolled": own}
    return dataclasses.replace(bundle, networks=networks), own


@pytest.mark.slow
def test_the_bench_measures_the_bundles_network_and_every_shape_and_remembers(
    tmp_path: Path,
) -> None:
    from streamer.cli.commands.machine.bench_units import chosen_units, measured_lines

    bundle, own = bundle_with_core_ml(tmp_path / "tiny")
    clock = Clock()
    times = {name: [5.0] for name in COMPUTE_UNITS}
    (tmp_path / "shapes").mkdir()
    core_ml = loader(clock, times)

    def plan(path: Path, compute_units: str) -> str:
        if path.stem == "lstm":
            raise ConversionError(f"{path.name} has no plan", "nothing")
        return f"Neural Engine 3 (conv 3) of {compute_units}"

    arguments = (bundle, chosen_units("all"), tmp_path / "shapes", core_ml, tmp_path)
    lines = list(measured_lines(*arguments, plan=plan))
    assert (
        f"tiny.mlpackage: layers on Neural Engine 3 (conv 3) of {units.recall(own, tmp_path)}"
        in (lines)
    )
    assert "lstm: layers on unknown processors (lstm.mlpackage has no plan)" in lines
    for name in ("tiny.mlpackage", "lstm", "stateful"):
        assert sum(line.startswith(f"{name} ") and "is" not in line for line in lines) == 4
    assert units.recall(own, tmp_path) in COMPUTE_UNITS


@pytest.mark.slow
def test_what_fails_in_a_bench_is_a_row_and_not_the_end(tmp_path: Path) -> None:
    from streamer.cli.commands.machine.bench_units import chosen_units, measured_lines

    bundle, own = bundle_with_core_ml(tmp_path / "tiny")
    clock = Clock()
    working = loader(clock, {name: [5.0] for name in COMPUTE_UNITS})

    def load(path: Path, compute_units: str) -> Any:
        if compute_units == "CPU_AND_NE" or path.stem == "lstm":
            raise ModelError(f"{path.name} cannot be loaded", "nothing")
        return working(path, compute_units)

    (tmp_path / "shapes").mkdir()
    arguments = (bundle, chosen_units("all"), tmp_path / "shapes")
    lines = list(measured_lines(*arguments, load, tmp_path))
    failed = [line for line in lines if "failed: " in line]
    assert len(failed) == 1 + 4 + 1  # its own network, all of lstm, stateful
    assert units.recall(own, tmp_path) not in (None, "CPU_AND_NE")

    def fail(path: Path, compute_units: str) -> Any:
        raise ModelError("nothing can be loaded", "nothing")

    with pytest.raises(ModelError, match="nothing can be loaded"):
        list(measured_lines(*arguments, fail, tmp_path))


def test_the_network_that_was_measured_as_the_fastest_is_the_one_that_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import dataclasses

    from streamer.models import backends
    from tests.support.models.bundles import make_tiny_bundle

    bundle = make_tiny_bundle(tmp_path / "tiny", n_hidden=8)
    for name in ("unrolled", "lstm", "stateful"):
        (bundle.folder / f"{name}.mlpackage").mkdir()
        (bundle.folder / f"{name}.mlpackage" / "weights").write_text(name)
    kinds = ("lstm", "unrolled", "stateful")
    packages = {f"coreml-{name}": bundle.folder / f"{name}.mlpackage" for name in kinds}
    bundle = dataclasses.replace(bundle, networks={**bundle.networks, **packages})
    monkeypatch.setattr("sys.platform", "darwin")
    monkeypatch.setattr(units, "_file", lambda folder: tmp_path / "units.json")
    loaded: list[tuple[str, str]] = []

    def load(kind: str, path: Path, n_steps: int, compute_units: str) -> Any:
        loaded.append((kind, compute_units))
        return bundle

    monkeypatch.setattr(backends, "_load_network", load)
    for backend in ("auto", "coreml", "coreml-lstm"):
        backends.load_acoustic_model(bundle, backend)
    assert [kind for kind, _ in loaded] == ["coreml-unrolled", "coreml-unrolled", "coreml-lstm"]
    for name, unit, p95_ms in (("unrolled", "ALL", 9.0), ("lstm", "CPU_ONLY", 3.0)):
        path = packages[f"coreml-{name}"]
        units.remember(path, units.Measurement(path.name, unit, p95_ms, p95_ms, 100))
    loaded.clear()
    for backend in ("auto", "coreml", "coreml-unrolled"):
        backends.load_acoustic_model(bundle, backend)
    fastest = ("coreml-lstm", "CPU_ONLY")
    assert loaded == [fastest, fastest, ("coreml-unrolled", "ALL")]
    backends.load_acoustic_model(bundle, "onnx")
    assert loaded[-1][0] == "onnx"


def test_where_core_ml_fails_onnx_runs_and_one_warning_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import dataclasses

    from streamer.models import backends
    from tests.support.models.bundles import make_tiny_bundle

    bundle = make_tiny_bundle(tmp_path / "tiny", n_hidden=8)
    package = bundle.folder / "tiny.mlpackage"
    package.mkdir()
    bundle = dataclasses.replace(bundle, networks={**bundle.networks, "coreml-unrolled": package})
    monkeypatch.setattr("sys.platform", "darwin")
    monkeypatch.setattr(units, "_file", lambda folder: tmp_path / "units.json")
    monkeypatch.setattr(backends, "check_sums", lambda bundle, paths: None)
    loaded: list[str] = []

    def load(kind: str, path: Path, n_steps: int, compute_units: str) -> Any:
        loaded.append(kind)
        if kind == "coreml-unrolled":
            raise ModelError(f"{path.name} cannot be loaded by Core ML (error -14)", "convert it")
        return bundle

    monkeypatch.setattr(backends, "_load_network", load)
    backends.load_acoustic_model(bundle)
    assert loaded == ["coreml-unrolled", "onnx"]
    assert capsys.readouterr().err == (
        "warning: tiny.mlpackage cannot be loaded by Core ML (error -14); "
        "ONNX Runtime runs the model instead\n"
    )
    # Whoever asks for Core ML gets it, or the error.
    for asked in ({"backend": "coreml"}, {"backend": "coreml-unrolled"}, {"compute_units": "ALL"}):
        with pytest.raises(ModelError, match="error -14"):
            backends.load_acoustic_model(bundle, **asked)
    no_onnx = {k: path for k, path in bundle.networks.items() if not k.startswith("onnx")}
    with pytest.raises(ModelError, match="error -14"):
        backends.load_acoustic_model(dataclasses.replace(bundle, networks=no_onnx))
    assert capsys.readouterr().err == ""


def commands_with_compute_units() -> list[str]:
    from typer.main import get_command

    from streamer.cli.app import build_app

    commands: Any = get_command(build_app())
    return [
        name
        for name, command in commands.commands.items()
        if any("--compute-units" in parameter.opts for parameter in command.params)
    ]


def test_every_command_refuses_unknown_units_on_every_system(
    capsys: pytest.CaptureFixture[str],
) -> None:
    from streamer.cli.app import run

    names = commands_with_compute_units()
    assert {"listen", "transcribe", "serve", "bench", "inspect", "doctor"} <= set(names)
    for name in names:
        given = ["missing.file"] if name in ("transcribe", "inspect") else []
        assert run([name, "--compute-units", "TPU", *given]) == 2
        error = capsys.readouterr().err
        assert "TPU" in error and ", ".join(COMPUTE_UNITS) in error.replace("'", ""), name


def test_unknown_units_are_refused_whatever_runs_the_network(tmp_path: Path) -> None:
    from streamer.models.backends import load_acoustic_model
    from tests.support.models.bundles import make_tiny_bundle

    bundle = make_tiny_bundle(tmp_path / "tiny", n_hidden=8)
    for backend in ("auto", "onnx", "numpy"):
        with pytest.raises(UsageError, match="unknown compute units TPU"):
            load_acoustic_model(bundle, backend, "TPU")
    assert load_acoustic_model(bundle, "onnx", "ALL").backend == "onnx"


def test_without_a_home_nothing_is_remembered_and_that_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def homeless(*_: Any, **__: Any) -> Path:
        raise RuntimeError("could not determine home directory")

    monkeypatch.setattr("platformdirs.user_cache_path", homeless)
    (tmp_path / "a.mlmodel").write_bytes(b"a model")
    assert units.recall(tmp_path / "a.mlmodel") is None
    with pytest.raises(ModelError, match="measurements"):
        units.remember(tmp_path / "a.mlmodel", units.Measurement("a", "ALL", 1.0, 2.0, 9))


@pytest.mark.parametrize("content", ["[]", "{", "null", '{"x": 7}'])
def test_what_was_remembered_by_somebody_else_is_passed_over(tmp_path: Path, content: str) -> None:
    (tmp_path / units._FILE).write_text(content)
    (tmp_path / "a.mlmodel").write_bytes(b"a model")
    assert units.recall(tmp_path / "a.mlmodel", tmp_path) is None
