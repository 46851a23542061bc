"""Acoustic models in Core ML, by coremltools: macOS only."""

from __future__ import annotations

import contextlib
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Callable, cast

import numpy as np

from streamer.acoustic.contract import (
    DEFAULT_STEPS,
    INPUT_LENGTHS,
    INPUT_NODE,
    LOGITS,
    NEW_C,
    NEW_H,
    PREVIOUS_C,
    PREVIOUS_H,
    State,
    check_call,
    check_names,
    finite,
    function_of_steps,
    invalid_state,
    state_names,
    zero_state,
)
from streamer.acoustic.coreml_cache import FirstLoad, compile_into, compiled_model
from streamer.acoustic.coreml_first_load import load_in_child
from streamer.acoustic.coreml_interface import (
    Interface,
    function_names,
    interface_of_compiled,
    interface_of_spec,
)
from streamer.acoustic.coreml_runtime import (
    DEFAULT_COMPUTE_UNITS,
    CompiledModel,
    CoreMLTools,
    Runtime,
    check_compute_units,
)
from streamer.arrays import Array, FloatArray
from streamer.errors import ModelError


class _KeptState:
    """A state that stays inside Core ML until it is looked at; unpacks like a pair of arrays.

    Reading it for every window would copy what the next window has already.

    Args:
        read: reads c and h from Core ML.
    """

    def __init__(self, read: Callable[[], tuple[FloatArray, ...]]) -> None:
        self._read: Callable[[], tuple[FloatArray, ...]] | None = read
        self._values: tuple[FloatArray, ...] | None = None

    def read(self) -> tuple[FloatArray, ...]:
        """Return c and h.

        Raises:
            ModelError: Core ML has overwritten them and they were not read before.
        """
        if self._values is None:
            if self._read is None:
                raise ModelError(
                    "this state of a stateful network was passed on and is gone",
                    "look at it first, for example: state = tuple(state)",
                )
            self._values = self._read()
        return self._values

    def expire(self) -> None:
        """Declare that Core ML has other values now."""
        self._read = None

    def __len__(self) -> int:
        return 2

    def __iter__(self) -> Iterator[FloatArray]:
        return iter(self.read())

    def __getitem__(self, index: int) -> FloatArray:
        return self.read()[index]


class CoreMLAcousticModel:
    """A DeepSpeech network in Core ML; see `AcousticModel`.

    Inputs and outputs are those of DeepSpeech's graph. ``input_lengths`` may
    be missing, or be int32 (ML programs) or float32 (neural networks).
    Stateful networks keep c and h in two states, whose names end in ``c`` and
    ``h``, in place of the inputs ``previous_state_*``; that needs coremltools
    9 and macOS 15. Such a state is read from Core ML only if it is looked at, or
    if another one is passed to `infer` while it is still held: see `_KeptState`.
    c and h are float32 between windows.

    The compiled model is kept in the user's cache; a child process compiles and
    loads it the first time, see `coreml_first_load`. The constructor runs the
    network once, so that the first words are not delayed.

    Args:
        path: ``.mlpackage``, ``.mlmodel`` or ``.mlmodelc``.
        compute_units: one of `coreml_runtime.COMPUTE_UNITS`.
        n_steps: steps in a window if the network's time axis is flexible, or if it has
            a function for each of several numbers of steps.
        runtime: replaces coremltools; it compiles in this process.
        first_load: replaces the child process that loads a model the first time.
        cache: folder for compiled models; the user's cache if None.

    Raises:
        UsageError: there are no such compute units.
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
        first_load: FirstLoad | None = None,
    ) -> None:
        check_compute_units(compute_units)
        self._path = Path(path)
        self.compute_unit = compute_units
        self._runtime: Runtime = CoreMLTools() if runtime is None else runtime
        if not self._path.exists():
            raise ModelError(f"no such file: {path}", "check the path in model.json")
        with self._explained("is not a DeepSpeech network in Core ML's format"):
            self._read_geometry(self._read_interface(n_steps), n_steps)
        with self._explained("cannot be loaded by Core ML"):
            if first_load is None:
                first_load = load_in_child if runtime is None else self._compile_here
            self.compiled_path = compiled_model(self._path, compute_units, first_load, cache)
            units = getattr(self._runtime.ComputeUnit, compute_units)
            self._model: CompiledModel = self._runtime.CompiledMLModel(
                str(self.compiled_path), units, **self._function
            )
        # The state returned last: c and h inside Core ML have its values.
        self._current: Callable[[], _KeptState | None] = lambda: None
        self._ml_state = self._make_state() if self._state_names else None
        self.n_labels = 0
        self.warm_up()

    def _compile_here(self, path: Path, compiled: Path, compute_units: str) -> None:
        compile_into(self._runtime, path, compiled)

    def initial_state(self) -> State:
        """See `AcousticModel.initial_state`."""
        return zero_state(self.n_hidden)

    def warm_up(self) -> None:
        """Run one window of zeros and discard the result; sets the number of labels.

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
        passed: object = state
        kept = isinstance(passed, _KeptState) and passed is self._current()
        check_call(self, window, n, self.initial_state() if kept else state)
        output, state = self._predict(window, n, state)
        probabilities = finite(output.reshape(-1, self.n_labels)[:n], self._path)
        if n < window.shape[1] and not self._has_lengths:
            state = invalid_state(self.n_hidden)
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
        ml_state: Any = self._ml_state
        current = self._current()
        passed: object = state
        if passed is not current:
            if current is not None:
                current.read()  # somebody holds it and may go on from there
            for name, value in zip(self._state_names, state):
                old = ml_state.read_state(name)
                ml_state.write_state(name, value.reshape(old.shape).astype(old.dtype))
        outputs = self._model.predict(data, state=ml_state)
        if isinstance(current, _KeptState):
            current.expire()
        kept = _KeptState(
            lambda: tuple(self._as_state(ml_state.read_state(name)) for name in self._state_names)
        )
        self._current = weakref.ref(kept)
        return np.asarray(outputs[LOGITS], np.float32), cast("State", kept)

    def _as_state(self, value: Array) -> FloatArray:
        # A copy: Core ML may reuse the memory for its next answer.
        return np.array(value, np.float32).reshape(1, self.n_hidden)

    def _make_state(self) -> Any:
        with self._explained("has states that Core ML cannot create"):
            ml_state = self._model.make_state()
        if not hasattr(ml_state, "write_state"):
            raise ModelError(
                "stateful networks need coremltools 9 or later",
                "pip install --upgrade coremltools",
            )
        return ml_state

    def _read_interface(self, n_steps: int | None) -> Interface:
        #: Arguments that choose the function of a package of several.
        self._function: dict[str, str] = {}
        if self._path.suffix == ".mlmodelc":
            return interface_of_compiled(self._path)
        spec = self._runtime.load_spec(str(self._path))
        name = function_of_steps(n_steps or DEFAULT_STEPS)
        if name not in function_names(spec):
            return interface_of_spec(spec)
        self._function = {"function_name": name}
        return interface_of_spec(spec, name)

    def _read_geometry(self, interface: Interface, n_steps: int | None) -> None:
        inputs, states = interface.inputs, interface.states
        self._state_names = state_names(states) if states else ()
        check_names(inputs, interface.outputs, stateful=bool(states))
        state = states[self._state_names[0]] if self._state_names else inputs[PREVIOUS_C]
        window = inputs[INPUT_NODE]
        if len(window.shape) != 4 or window.shape[2] % 2 != 1:
            raise ValueError(f"{INPUT_NODE} has shape {window.shape}")
        if not state.shape:
            raise ValueError("the state has no shape")
        self.flexible_steps = window.flexible
        self.n_steps = (n_steps or DEFAULT_STEPS) if window.flexible else window.shape[1]
        self.n_context = window.shape[2] // 2
        self.n_input = window.shape[3]
        self.n_hidden = state.shape[-1]
        self._state_shape = state.shape
        self._has_lengths = INPUT_LENGTHS in inputs
        integer = self._has_lengths and inputs[INPUT_LENGTHS].integer
        self._lengths_dtype = np.int32 if integer else np.float32

    @contextlib.contextmanager
    def _explained(self, what: str) -> Iterator[None]:
        """Turn any exception of coremltools into a ModelError that says what failed."""
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
