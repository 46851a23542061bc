"""The Core ML backend, with a stand-in for coremltools that enforces its contract.

The stand-in evaluates the package written by our writer, operation by
operation, and rejects what coremltools would reject: wrong names, shapes,
types and suffixes. No test here can verify Apple's own software.
"""

from __future__ import annotations

import inspect
import json
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from streamer.acoustic.coreml_cache import content_key
from streamer.acoustic.coreml_model import CoreMLAcousticModel
from streamer.acoustic.numpy_model import NumpyAcousticModel
from streamer.errors import ModelError, UsageError
from tests.support.models.bundles import random_weights

ct = pytest.importorskip("coremltools", reason="needs coremltools to write models")

from streamer.convert.check.factory import create_evaluator  # noqa: E402
from streamer.convert.coreml import open_model, write_coreml  # noqa: E402

N_HIDDEN = 16
#: Errors on probabilities that the way of storing and computing explains.
TOLERANCE = {"fp32": 1e-5, "fp16": 1e-2}


class State:
    """coremltools' MLState: float16 inside, whatever is written."""

    def __init__(self, arrays: dict[str, Any]) -> None:
        self.arrays = arrays

    def read_state(self, name: str) -> Any:
        return self.arrays[name].copy()

    def write_state(self, name: str, value: Any) -> None:
        if value.shape != self.arrays[name].shape or value.dtype != self.arrays[name].dtype:
            raise RuntimeError(f"state {name}: wrong value")
        self.arrays[name][...] = value


class Compiled:
    """coremltools' CompiledMLModel."""

    def __init__(self, runtime: Runtime, path: Path, function: str) -> None:
        self._runtime = runtime
        self._file = open_model(next(path.glob("source.*")), function)
        self._evaluator = create_evaluator(self._file)
        self._outputs: dict[str, Any] | None = None

    def make_state(self) -> Any:
        return self._runtime.state(self._evaluator.make_state())

    def predict(self, data: dict[str, Any], state: Any = None) -> dict[str, Any]:
        self._runtime.calls.append(sorted(data))
        for feature in self._file.inputs:
            value = data[feature.name]
            wanted = np.int32 if "int" in str(feature.dtype).lower() else np.float32
            if not isinstance(value, np.ndarray) or value.dtype != wanted:
                raise RuntimeError(f"{feature.name}: {value.dtype} is not {wanted}")
        inside = None if state is None else state.arrays
        fresh = self._evaluator.predict(data, inside)
        # Core ML may reuse its memory: overwrite the arrays returned last.
        if self._outputs is not None:
            for old in self._outputs.values():
                old[...] = np.nan
        self._outputs = {name: np.array(value) for name, value in fresh.items()}
        return self._outputs


class Runtime:
    """The four functions of coremltools that are used, with its argument checks."""

    ComputeUnit = ct.ComputeUnit
    state = State

    def __init__(self) -> None:
        self.compiled: list[str] = []
        self.loaded: list[tuple[str, Any]] = []
        self.functions: list[str] = []
        self.calls: list[list[str]] = []

    def load_spec(self, model_path: str) -> Any:
        return ct.models.utils.load_spec(model_path)

    def compile_model(self, model: str, destination_path: str) -> str:
        assert isinstance(model, str) and model.endswith((".mlpackage", ".mlmodel"))
        assert destination_path.endswith(".mlmodelc")
        self.compiled.append(destination_path)
        target = Path(destination_path)
        target.mkdir()
        source = target / ("source" + Path(model).suffix)
        (shutil.copytree if Path(model).is_dir() else shutil.copyfile)(model, source)
        return destination_path

    def CompiledMLModel(
        self, path: str, compute_units: Any, function_name: str | None = None
    ) -> Any:
        assert isinstance(path, str) and isinstance(compute_units, ct.ComputeUnit)
        self.loaded.append((path, compute_units))
        if function_name is not None:
            self.functions.append(function_name)
        return Compiled(self, Path(path), function_name or "")


def windows(count: int, steps: int) -> Any:
    random = np.random.default_rng(steps)
    return (10 * random.standard_normal((count, 1, steps, 19, 26))).astype(np.float32)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Writes each kind of model once."""
    folder = tmp_path_factory.mktemp("coreml")
    paths: dict[Any, Path] = {}

    def make(
        steps: int = 4,
        shape: str = "lstm",
        precision: str = "fp32",
        format: str = "mlprogram",
        lengths: bool = True,
    ) -> Path:
        key = (steps, shape, precision, format, lengths)
        if key not in paths:
            suffix = ".mlpackage" if format == "mlprogram" else ".mlmodel"
            path = folder / f"{len(paths)}{suffix}"
            write_coreml(random_weights(N_HIDDEN), path, steps, shape, precision, format, lengths)
            paths[key] = path
        return paths[key]

    return make


@pytest.mark.parametrize("lengths", [True, False])
@pytest.mark.parametrize(
    ("shape", "precision", "format"),
    [
        ("lstm", "fp32", "mlprogram"),
        ("lstm", "fp16", "mlprogram"),
        ("lstm", "fp32", "neuralnetwork"),
        ("unrolled", "fp32", "mlprogram"),
        ("unrolled", "fp16", "mlprogram"),
        ("stateful", "fp16", "mlprogram"),
    ],
)
def test_it_equals_the_reference_over_several_windows(
    made: Any, tmp_path: Path, shape: str, precision: str, format: str, lengths: bool
) -> None:
    path = made(4, shape, precision, format, lengths)
    model = CoreMLAcousticModel(path, runtime=Runtime(), cache=tmp_path)
    assert (model.backend, model.compute_unit) == ("coreml", "CPU_AND_NE")
    assert (model.n_steps, model.n_context, model.n_input) == (4, 9, 26)
    assert (model.n_hidden, model.n_labels, model.flexible_steps) == (N_HIDDEN, 29, False)
    oracle = NumpyAcousticModel(random_weights(N_HIDDEN), 4)
    state, expected_state = model.initial_state(), oracle.initial_state()
    for window in windows(3, 4):
        ours, state = model.infer(window, 4, state)
        expected, expected_state = oracle.infer(window, 4, expected_state)
        assert ours.dtype == np.float32 and ours.shape == (4, 29)
        np.testing.assert_allclose(ours, expected, atol=TOLERANCE[precision])
        assert state[0].dtype == np.float32 and state[0].shape == (1, N_HIDDEN)
    window = windows(4, 4)[3]
    ours, last = model.infer(window, 2, state)
    expected, expected_last = oracle.infer(window, 2, expected_state)
    np.testing.assert_allclose(ours, expected, atol=2 * TOLERANCE[precision])
    if lengths:
        np.testing.assert_allclose(last[1], expected_last[1], atol=5 * TOLERANCE[precision])
    else:
        assert np.isnan(last[0]).all() and np.isnan(last[1]).all()


@pytest.mark.parametrize("shape", ["lstm", "stateful"])
def test_a_state_from_before_begins_there_again(made: Any, tmp_path: Path, shape: str) -> None:
    """Two streams on one model do not mix, even if Core ML keeps the state."""
    model = CoreMLAcousticModel(made(4, shape, "fp16"), runtime=Runtime(), cache=tmp_path)
    first, second = windows(2, 4)
    _, early = model.infer(first, 4, model.initial_state())
    early = (early[0], early[1])
    once, _ = model.infer(second, 4, early)
    once = once.copy()
    model.infer(first, 4, model.initial_state())
    model.infer(first, 3, model.initial_state())
    again, _ = model.infer(second, 4, early)
    np.testing.assert_array_equal(again, once)


class CountingState(State):
    """Counts what is copied out of Core ML."""

    read = 0

    def read_state(self, name: str) -> Any:
        CountingState.read += 1
        return super().read_state(name)


def test_a_state_inside_core_ml_is_not_read_back_for_each_window(
    made: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(CountingState, "read", 0)
    monkeypatch.setattr(Runtime, "state", CountingState)
    model = CoreMLAcousticModel(made(4, "stateful", "fp16"), runtime=Runtime(), cache=tmp_path)
    oracle = NumpyAcousticModel(random_weights(N_HIDDEN), 4)
    # The one read for each of c and h gets the type that Core ML wants to be written.
    state, expected_state = model.initial_state(), oracle.initial_state()
    heard = []
    for window in windows(5, 4):
        ours, state = model.infer(window, 4, state)
        expected, expected_state = oracle.infer(window, 4, expected_state)
        heard.append(np.abs(ours - expected).max())
    assert max(heard) < TOLERANCE["fp16"]
    before = CountingState.read
    assert before <= 4
    # Two streams in turn: each is read when the other one goes on.
    other = model.initial_state()
    for window in windows(2, 4):
        _, other = model.infer(window, 4, other)
        _, state = model.infer(window, 4, state)
        _, expected_state = oracle.infer(window, 4, expected_state)
    assert CountingState.read > before
    np.testing.assert_allclose(state[1], expected_state[1], atol=5 * TOLERANCE["fp16"])


def test_a_state_that_core_ml_has_overwritten_is_an_error_and_never_another_one(
    made: Any, tmp_path: Path
) -> None:
    model = CoreMLAcousticModel(made(4, "stateful", "fp16"), runtime=Runtime(), cache=tmp_path)
    window = windows(1, 4)[0]
    _, early = model.infer(window, 4, model.initial_state())
    model.infer(window, 4, early)
    with pytest.raises(ModelError, match="is gone"):
        model.infer(window, 4, early)


@pytest.mark.parametrize("shape", ["unrolled", "stateful"])
def test_after_a_short_window_the_next_stream_is_not_influenced_by_its_padding(
    made: Any, tmp_path: Path, shape: str
) -> None:
    path = made(4, shape, "fp16", lengths=False)
    model = CoreMLAcousticModel(path, runtime=Runtime(), cache=tmp_path)
    first, second = windows(2, 4)
    fresh, _ = model.infer(second, 4, model.initial_state())
    fresh = fresh.copy()
    _, state = model.infer(first, 4, model.initial_state())
    padded = second.copy()
    padded[:, 2:] = 0
    short, _ = model.infer(padded, 2, state)
    short = short.copy()
    _, state = model.infer(first, 4, model.initial_state())
    whole, _ = model.infer(second, 4, state)
    np.testing.assert_array_equal(short, whole[:2])  # padding changes no real step
    model.infer(padded, 2, model.initial_state())
    again, _ = model.infer(second, 4, model.initial_state())
    np.testing.assert_array_equal(again, fresh)


def test_lengths_are_int32_for_programs_and_float32_for_neural_networks(
    made: Any, tmp_path: Path
) -> None:
    """The stand-in refuses the other type."""
    for format in ("mlprogram", "neuralnetwork"):
        runtime = Runtime()
        CoreMLAcousticModel(made(4, format=format), runtime=runtime, cache=tmp_path)
        assert "input_lengths" in runtime.calls[0]


def test_it_is_warm_when_it_is_made(made: Any, tmp_path: Path) -> None:
    runtime = Runtime()
    CoreMLAcousticModel(made(), runtime=runtime, cache=tmp_path)
    assert len(runtime.calls) == 1


def test_the_compiled_form_is_kept_by_content(made: Any, tmp_path: Path) -> None:
    runtime, path = Runtime(), made()
    cache = tmp_path / "not" / "there" / "yet"
    CoreMLAcousticModel(path, runtime=runtime, cache=cache)
    moved = tmp_path / "moved.mlpackage"
    shutil.copytree(path, moved)
    CoreMLAcousticModel(moved, "ALL", runtime=runtime, cache=cache)
    assert len(runtime.compiled) == 1
    assert [units for _, units in runtime.loaded] == [
        ct.ComputeUnit.CPU_AND_NE,
        ct.ComputeUnit.ALL,
    ]
    assert sorted(p.name.partition(".")[2] for p in cache.iterdir()) == [
        "ALL.loaded",
        "CPU_AND_NE.loaded",
        "mlmodelc",
    ]
    assert {p.name.partition(".")[0] for p in cache.iterdir()} == {content_key(path)}
    with next(moved.rglob("weight*.bin")).open("ab") as file:
        file.write(b"more")
    assert content_key(moved) != content_key(path)


def test_a_compiled_model_is_loaded_as_it_is(made: Any, tmp_path: Path) -> None:
    """With the metadata.json that Xcode's compiler writes."""
    compiled = tmp_path / "m.mlmodelc"
    runtime = Runtime()
    runtime.compile_model(str(made(4, precision="fp16")), str(compiled))

    def port(name: str, shape: list[int], kind: str = "Float32") -> dict[str, str]:
        return {
            "name": name,
            "dataType": kind,
            "hasShapeFlexibility": "0",
            "shape": str(shape),
            "type": "MultiArray",
        }

    metadata = {
        "inputSchema": [
            port("input_node", [1, 4, 19, 26]),
            port("input_lengths", [1], "Int32"),
            port("previous_state_c", [1, N_HIDDEN]),
            port("previous_state_h", [1, N_HIDDEN]),
        ],
        "outputSchema": [
            port("logits", [4, 1, 29]),
            port("new_state_c", [1, N_HIDDEN]),
            port("new_state_h", [1, N_HIDDEN]),
        ],
    }
    with pytest.raises(ModelError, match="no metadata"):
        CoreMLAcousticModel(compiled, runtime=runtime, cache=tmp_path)
    (compiled / "metadata.json").write_text(json.dumps([metadata]))
    model = CoreMLAcousticModel(compiled, runtime=runtime, cache=tmp_path)
    assert len(runtime.compiled) == 1 and runtime.loaded[-1][0] == str(compiled)
    oracle = NumpyAcousticModel(random_weights(N_HIDDEN), 4)
    window = windows(1, 4)[0]
    ours, _ = model.infer(window, 4, model.initial_state())
    expected, _ = oracle.infer(window, 4, oracle.initial_state())
    np.testing.assert_allclose(ours, expected, atol=TOLERANCE["fp16"])


def test_our_calls_fit_coremltools_own_signatures() -> None:
    utils, compiled = ct.models.utils, ct.models.CompiledMLModel
    inspect.signature(utils.load_spec).bind("m.mlpackage")
    bound = inspect.signature(utils.compile_model).bind("m.mlpackage", "m.mlmodelc")
    assert list(bound.arguments) == ["model", "destination_path"]
    bound = inspect.signature(compiled.__init__).bind(None, "m.mlmodelc", ct.ComputeUnit.ALL)
    assert list(bound.arguments)[1:] == ["path", "compute_units"]
    inspect.signature(compiled.predict).bind(None, {}, state=None)
    inspect.signature(compiled.make_state).bind(None)
    for units in ("CPU_ONLY", "CPU_AND_GPU", "CPU_AND_NE", "ALL"):
        assert hasattr(ct.ComputeUnit, units)


def test_our_calls_fit_coremltools_states() -> None:
    state = getattr(ct.models.model, "MLState", None)
    if not hasattr(state, "write_state"):
        pytest.skip("this coremltools has no states that can be written")
    inspect.signature(state.read_state).bind(None, "state_c")
    inspect.signature(state.write_state).bind(None, "state_c", np.zeros(1))


def test_states_that_cannot_be_written_are_a_model_error(made: Any, tmp_path: Path) -> None:
    class OldState:
        def __init__(self, arrays: Any) -> None:
            self.arrays = arrays

    runtime = Runtime()
    runtime.state = OldState  # type: ignore[assignment, misc]
    with pytest.raises(ModelError, match="coremltools 9"):
        CoreMLAcousticModel(made(4, "stateful", "fp16"), runtime=runtime, cache=tmp_path)


@pytest.mark.skipif(sys.platform == "darwin", reason="this is the system that has it")
def test_elsewhere_it_says_so(made: Any) -> None:
    with pytest.raises(ModelError, match="macOS only"):
        CoreMLAcousticModel(made())


def test_compute_units_that_do_not_exist_are_a_usage_error(made: Any) -> None:
    with pytest.raises(UsageError, match="CPU_AND_NE"):
        CoreMLAcousticModel(made(), "TPU", runtime=Runtime())


def test_what_is_no_model_is_a_model_error(tmp_path: Path) -> None:
    (tmp_path / "a.mlmodel").write_bytes(b"\xff" * 64)
    (tmp_path / "b.mlpackage").mkdir()
    for name in ("a.mlmodel", "b.mlpackage", "missing.mlpackage"):
        with pytest.raises(ModelError) as caught:
            CoreMLAcousticModel(tmp_path / name, runtime=Runtime(), cache=tmp_path / "cache")
        assert "\n" not in str(caught.value)


def test_what_core_ml_raises_becomes_a_model_error(made: Any, tmp_path: Path) -> None:
    class Failing(Runtime):
        def compile_model(self, model: str, destination_path: str) -> str:
            raise RuntimeError("Error compiling model:\nmore")

    with pytest.raises(ModelError, match="Error compiling model:") as caught:
        CoreMLAcousticModel(made(), runtime=Failing(), cache=tmp_path)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []
