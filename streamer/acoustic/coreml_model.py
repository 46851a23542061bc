"""Acoustic models in Core ML, through coremltools: macOS only.

Nothing here can run on another system. What is asked of coremltools is
gathered in `Runtime`, four names with coremltools' own signatures, so that
the tests can put a stand-in in their place.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from streamer.acoustic.contract import (
    INPUT_LENGTHS,
    INPUT_NODE,
    LOGITS,
    NEW_C,
    NEW_H,
    PREVIOUS_C,
    PREVIOUS_H,
    State,
    check_call,
    unusable_state,
    zero_state,
)
from streamer.arrays import Array, FloatArray
from streamer.errors import ModelError

#: What Core ML may compute on, as coremltools spells it.
COMPUTE_UNITS = ("CPU_ONLY", "CPU_AND_GPU", "CPU_AND_NE", "ALL")
#: The GPU takes longer to wake than these networks take to run.
DEFAULT_COMPUTE_UNITS = "CPU_AND_NE"
#: Steps in a window of a network whose time axis is free.
FLEXIBLE_STEPS = 16


class CompiledModel(Protocol):
    """The part of coremltools' ``CompiledMLModel`` that is used."""

    def predict(self, data: dict[str, Array], state: Any = None) -> Mapping[str, Array]:
        """Run the network once."""
        ...

    def make_state(self) -> Any:
        """Make an ``MLState``: ``read_state(name)``, ``write_state(name, value)``."""
        ...


class Runtime(Protocol):
    """The part of coremltools that is used; its signatures are coremltools' own."""

    ComputeUnit: Any

    def load_spec(self, model_path: str) -> Any:
        """Return the protobuf description of an ``.mlmodel`` or ``.mlpackage``."""
        ...

    def compile_model(self, model: str, destination_path: str) -> str:
        """Compile an ``.mlmodel`` or ``.mlpackage`` to a ``.mlmodelc``."""
        ...

    def CompiledMLModel(self, path: str, compute_units: Any) -> CompiledModel:  # noqa: N802
        """Load a ``.mlmodelc``."""
        ...


class _CoreMLTools:
    """`Runtime` as coremltools provides it."""

    def __init__(self) -> None:
        if sys.platform != "darwin":
            raise ModelError(
                "Core ML networks run on macOS only", "use --backend onnx on this machine"
            )
        try:
            import coremltools
        except ImportError as error:
            raise ModelError(
                "the package coremltools is not installed", "pip install coremltools"
            ) from error
        self.ComputeUnit = coremltools.ComputeUnit
        self.load_spec = coremltools.models.utils.load_spec
        self.compile_model = coremltools.models.utils.compile_model
        self.CompiledMLModel = coremltools.models.CompiledMLModel


@dataclass(frozen=True)
class Port:
    """One input, output or state of a Core ML model.

    Attributes:
        shape: its shape, or its default where it is flexible; may be empty
            for outputs of neural networks, which have none.
        integer: whether it takes int32 numbers.
        flexible: whether the shape may vary.
    """

    shape: tuple[int, ...]
    integer: bool = False
    flexible: bool = False


@dataclass(frozen=True)
class Interface:
    """Inputs, outputs and states of a Core ML model, by name."""

    inputs: Mapping[str, Port]
    outputs: Mapping[str, Port]
    states: Mapping[str, Port] = field(default_factory=dict)


class CoreMLAcousticModel:
    """A DeepSpeech network in Core ML; see `AcousticModel`.

    Inputs and outputs are those of DeepSpeech's graph. ``input_lengths`` may
    be missing, or be int32 (ML programs) or float32 (neural networks).
    Stateful networks hold c and h in two states, whose names end in ``c`` and
    ``h``, in place of the inputs ``previous_state_*``; that needs coremltools
    9 and macOS 15. c and h are carried as float32 from window to window.

    The compiled form of a package is kept in the user's cache, since
    compiling for the Neural Engine can take minutes; the constructor runs the
    network once, so that the first words do not wait for it.

    Args:
        path: ``.mlpackage``, ``.mlmodel`` or ``.mlmodelc``.
        compute_units: one of `COMPUTE_UNITS`.
        n_steps: steps in a window where the network leaves the time axis free.
        runtime: in place of coremltools.
        cache: folder for compiled models; the user's cache if None.

    Raises:
        ModelError: this is not macOS, the file is missing or damaged, is
            another kind of network, or Core ML cannot run it.
    """

    backend = "coreml"

    def __init__(
        self,
        path: str | Path,
        compute_units: str = DEFAULT_COMPUTE_UNITS,
        n_steps: int | None = None,
        runtime: Runtime | None = None,
        cache: Path | None = None,
    ) -> None:
        if compute_units not in COMPUTE_UNITS:
            raise ModelError(
                f"compute units {compute_units!r} are not known",
                f"choose one of {', '.join(COMPUTE_UNITS)}",
            )
        self._path = Path(path)
        self.compute_unit = compute_units
        self._runtime: Runtime = _CoreMLTools() if runtime is None else runtime
        if not self._path.exists():
            raise ModelError(f"no such file: {path}", "check the path in model.json")
        with self._explained("is not a DeepSpeech network in Core ML's format"):
            self._read_geometry(self._read_interface(), n_steps)
        self._model = self._load(_user_cache() if cache is None else cache)
        # c and h inside Core ML belong to the pair of arrays that was returned last.
        self._held: State | None = None
        self._ml_state = self._make_state() if self._state_names else None
        self.n_labels = 0
        self.warm_up()

    def initial_state(self) -> State:
        """See `AcousticModel.initial_state`."""
        return zero_state(self.n_hidden)

    def warm_up(self) -> None:
        """Run one window of zeros and forget it; learns the number of labels.

        Raises:
            ModelError: Core ML cannot run the network.
        """
        shape = (1, self.n_steps, 2 * self.n_context + 1, self.n_input)
        output, _ = self._predict(np.zeros(shape, np.float32), self.n_steps, self.initial_state())
        if output.size == 0 or output.size % self.n_steps:
            raise ModelError(
                f"{self._path}: {LOGITS} has {output.size} values for {self.n_steps} steps",
                "convert the model again",
            )
        self.n_labels = output.size // self.n_steps

    def infer(self, window: FloatArray, n: int, state: State) -> tuple[FloatArray, State]:
        """See `AcousticModel.infer`."""
        check_call(self, window, n, state)
        output, state = self._predict(window, n, state)
        probabilities = output.reshape(-1, self.n_labels)[:n]
        if n < window.shape[1] and not self._has_lengths:
            state = unusable_state(self.n_hidden)
        return probabilities, state

    def _predict(self, window: FloatArray, n: int, state: State) -> tuple[FloatArray, State]:
        data: dict[str, Array] = {INPUT_NODE: window}
        if self._has_lengths:
            data[INPUT_LENGTHS] = np.array([n], self._lengths_dtype)
        with self._explained("cannot be run by Core ML"):
            if self._ml_state is not None:
                return self._predict_stateful(data, state)
            data[PREVIOUS_C] = state[0].reshape(self._state_shape)
            data[PREVIOUS_H] = state[1].reshape(self._state_shape)
            outputs = self._model.predict(data)
            c, h = (self._as_state(outputs[name]) for name in (NEW_C, NEW_H))
            return np.asarray(outputs[LOGITS], np.float32), (c, h)

    def _predict_stateful(self, data: dict[str, Array], state: State) -> tuple[FloatArray, State]:
        inside: Any = self._ml_state
        if state is not self._held:
            for name, value in zip(self._state_names, state):
                there = inside.read_state(name)
                inside.write_state(name, value.reshape(there.shape).astype(there.dtype))
        outputs = self._model.predict(data, state=inside)
        c, h = (self._as_state(inside.read_state(name)) for name in self._state_names)
        self._held = (c, h)
        return np.asarray(outputs[LOGITS], np.float32), self._held

    def _as_state(self, value: Array) -> FloatArray:
        # A copy: Core ML may write its next answer into the same memory.
        return np.array(value, np.float32).reshape(1, self.n_hidden)

    def _make_state(self) -> Any:
        with self._explained("has states that Core ML cannot make"):
            made = self._model.make_state()
        if not hasattr(made, "write_state"):
            raise ModelError(
                "stateful networks need coremltools 9 or later",
                "pip install --upgrade coremltools",
            )
        return made

    def _read_interface(self) -> Interface:
        if self._path.suffix == ".mlmodelc":
            return _interface_of_compiled(self._path)
        return interface_of_spec(self._runtime.load_spec(str(self._path)))

    def _read_geometry(self, interface: Interface, n_steps: int | None) -> None:
        inputs = interface.inputs
        self._state_names: list[str] = []
        needed = [INPUT_NODE]
        if interface.states:
            self._state_names = [_state_ending_in(letter, interface.states) for letter in "ch"]
            held = interface.states[self._state_names[0]]
        else:
            needed += [PREVIOUS_C, PREVIOUS_H]
        for name in needed:
            if name not in inputs:
                raise ValueError(f"no input {name}")
        for name in [LOGITS] if interface.states else [LOGITS, NEW_C, NEW_H]:
            if name not in interface.outputs:
                raise ValueError(f"no output {name}")
        if not interface.states:
            held = inputs[PREVIOUS_C]
        window = inputs[INPUT_NODE]
        if len(window.shape) != 4 or window.shape[2] % 2 != 1:
            raise ValueError(f"{INPUT_NODE} has shape {window.shape}")
        if not held.shape:
            raise ValueError("the state has no shape")
        self.flexible_steps = window.flexible
        self.n_steps = (n_steps or FLEXIBLE_STEPS) if window.flexible else window.shape[1]
        self.n_context = window.shape[2] // 2
        self.n_input = window.shape[3]
        self.n_hidden = held.shape[-1]
        self._state_shape = held.shape
        self._has_lengths = INPUT_LENGTHS in inputs
        integer = self._has_lengths and inputs[INPUT_LENGTHS].integer
        self._lengths_dtype = np.int32 if integer else np.float32

    def _load(self, cache: Path) -> CompiledModel:
        units = getattr(self._runtime.ComputeUnit, self.compute_unit)
        with self._explained("cannot be loaded by Core ML"):
            if self._path.suffix == ".mlmodelc":
                self.compiled_path = self._path
                return self._runtime.CompiledMLModel(str(self._path), units)
            compiled = cache / f"{content_key(self._path)}.mlmodelc"
            if not compiled.is_dir():
                self._compile(compiled)
            self.compiled_path = compiled
            return self._runtime.CompiledMLModel(str(compiled), units)

    def _compile(self, compiled: Path) -> None:
        """Compile into a folder of its own and move it into place, whole or not at all."""
        compiled.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=compiled.parent) as folder:
            unfinished = str(Path(folder) / "model.mlmodelc")
            unfinished = self._runtime.compile_model(str(self._path), unfinished)
            # Another streamer may have been faster; what it made is as good.
            with contextlib.suppress(FileExistsError):
                if not compiled.is_dir():
                    shutil.move(unfinished, str(compiled))

    @contextlib.contextmanager
    def _explained(self, what: str) -> Iterator[None]:
        """Turn whatever coremltools raises into a ModelError that says what it was doing."""
        try:
            yield
        except ModelError:
            raise
        except Exception as error:  # coremltools raises plain Exception and RuntimeError
            detail = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
            raise ModelError(
                f"{self._path} {what}: {detail}",
                "convert the model again, or use --backend onnx",
            ) from error


def interface_of_spec(spec: Any) -> Interface:
    """Read the interface out of a model's protobuf description.

    Args:
        spec: what ``coremltools.utils.load_spec`` returns.

    Raises:
        ValueError: an input is not an array.
    """
    from_array = {
        part: {feature.name: _port(feature) for feature in getattr(spec.description, part, ())}
        for part in ("input", "output", "state")
    }
    return Interface(from_array["input"], from_array["output"], from_array["state"])


def _port(feature: Any) -> Port:
    kind = feature.type.WhichOneof("Type")
    if kind == "stateType":
        array = feature.type.stateType.arrayType
    elif kind == "multiArrayType":
        array = feature.type.multiArrayType
    else:
        raise ValueError(f"{feature.name} is a {kind}, not an array")
    enumeration = array.DESCRIPTOR.enum_types_by_name["ArrayDataType"]
    integer = array.dataType == enumeration.values_by_name["INT32"].number
    flexibility = array.WhichOneof("ShapeFlexibility")
    return Port(tuple(array.shape), integer, flexibility is not None)


def _interface_of_compiled(path: Path) -> Interface:
    """Read the interface out of the ``metadata.json`` that Xcode's compiler leaves."""
    metadata = path / "metadata.json"
    if not metadata.is_file():
        raise ValueError("there is no metadata.json in it; take the .mlpackage")
    contents = json.loads(metadata.read_text(encoding="utf-8"))[0]

    def ports(key: str) -> dict[str, Port]:
        return {
            entry["name"]: Port(
                tuple(json.loads(entry.get("shape") or "[]")),
                entry.get("dataType") == "Int32",
                entry.get("hasShapeFlexibility") == "1",
            )
            for entry in contents.get(key, ())
        }

    return Interface(ports("inputSchema"), ports("outputSchema"), ports("stateSchema"))


def _state_ending_in(letter: str, states: Mapping[str, Port]) -> str:
    names = [name for name in states if name.endswith(letter)]
    if len(names) != 1 or len(states) != 2:
        raise ValueError(f"its states are {', '.join(states)}, not one for c and one for h")
    return names[0]


def content_key(path: Path) -> str:
    """Return a name for the compiled form of a model: its content and the system's version.

    Args:
        path: a file or a package (a folder).
    """
    digest = hashlib.sha256(platform.mac_ver()[0].encode())
    files = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
    for file in files:
        name = file.relative_to(path).as_posix() if file != path else ""
        digest.update(f"{name}\0{file.stat().st_size}\0".encode())
        with file.open("rb") as opened:
            for block in iter(lambda: opened.read(1 << 20), b""):
                digest.update(block)
    return digest.hexdigest()[:32]


def _user_cache() -> Path:
    import platformdirs

    return Path(os.fspath(platformdirs.user_cache_path("streamer"))) / "compiled"
