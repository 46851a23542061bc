"""Acoustic models in ONNX Runtime: the default on all systems but macOS."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from streamer.acoustic.contract import (
    DEFAULT_STEPS,
    INPUT_LENGTHS,
    INPUT_NAMES,
    INPUT_NODE,
    LOGITS,
    OUTPUT_NAMES,
    PREVIOUS_C,
    PREVIOUS_H,
    State,
    check_call,
    check_names,
    finite,
    input_arrays,
    invalid_state,
    zero_state,
)
from streamer.acoustic.onnx_rules import check_onnx
from streamer.arrays import FloatArray
from streamer.errors import ModelError
from streamer.untrusted.damage import DamagedError

#: Networks up to this size run on one thread: starting others costs more than it saves.
SMALL_FILE_BYTES = 64 * 1024 * 1024
#: More threads do not speed up a window of 16 steps.
MAX_THREADS = 4


class OnnxAcousticModel:
    """A DeepSpeech network in ONNX Runtime; see `AcousticModel`.

    The geometry is read from the file. Input names and shapes are those of
    DeepSpeech's graph; ``input_lengths`` may be missing.

    Args:
        path: the ``.onnx`` file.
        threads: threads of ONNX Runtime; if None, one for small networks and
            up to four for large ones.
        n_steps: steps in a window if the time axis is flexible.

    Raises:
        ModelError: the file is missing or damaged, or is another kind of network.
    """

    backend = "onnx"
    compute_unit = "CPU"

    def __init__(
        self, path: str | Path, threads: int | None = None, n_steps: int | None = None
    ) -> None:
        path = Path(path)
        self._path = path
        _check_file(path)
        self._session = _open_session(path, threads)
        inputs = {i.name: list(i.shape) for i in self._session.get_inputs()}
        outputs = {o.name: list(o.shape) for o in self._session.get_outputs()}
        try:
            self._read_geometry(inputs, outputs, n_steps)
        except (KeyError, ValueError) as error:
            raise ModelError(
                f"{path} is not a DeepSpeech network: {error}",
                "use a network written by streamer convert",
            ) from error

    def _read_geometry(
        self, inputs: dict[str, list[Any]], outputs: dict[str, list[Any]], n_steps: int | None
    ) -> None:
        check_names(inputs, outputs)
        unknown = sorted(set(inputs) - set(INPUT_NAMES))
        if unknown:
            raise ValueError(f"unknown input {unknown[0]}")
        window = inputs[INPUT_NODE]
        if len(window) != 4:
            raise ValueError(f"{INPUT_NODE} has shape {window}")
        steps, width, n_input = window[1:]
        if not isinstance(width, int) or not isinstance(n_input, int) or width % 2 != 1:
            raise ValueError(f"{INPUT_NODE} has shape {window}")
        self.flexible_steps = not isinstance(steps, int)
        self.n_steps = (n_steps or DEFAULT_STEPS) if self.flexible_steps else int(steps)
        self.n_context = width // 2
        self.n_input = n_input
        hidden = inputs[PREVIOUS_C]
        if len(hidden) != 2 or not isinstance(hidden[1], int) or hidden != inputs[PREVIOUS_H]:
            raise ValueError(f"{PREVIOUS_C} has shape {hidden}")
        self.n_hidden = hidden[1]
        labels = outputs[LOGITS][-1] if outputs[LOGITS] else None
        if not isinstance(labels, int):
            raise ValueError(f"{LOGITS} has shape {outputs[LOGITS]}")
        self.n_labels = labels
        self._has_lengths = INPUT_LENGTHS in inputs

    def initial_state(self) -> State:
        """See `AcousticModel.initial_state`."""
        return zero_state(self.n_hidden)

    def infer(self, window: FloatArray, n: int, state: State) -> tuple[FloatArray, State]:
        """See `AcousticModel.infer`."""
        check_call(self, window, n, state)
        feed = input_arrays(window, n, *state)
        if not self._has_lengths:
            del feed[INPUT_LENGTHS]
        try:
            logits, c, h = self._session.run(OUTPUT_NAMES, feed)
        except Exception as error:  # ONNX Runtime's own exceptions share no base class
            raise ModelError(
                f"ONNX Runtime cannot run the network: {_first_line(error)}",
                "convert the network again, or try --backend numpy",
            ) from error
        probabilities = finite(logits.reshape(-1, self.n_labels)[:n], self._path)
        if n < window.shape[1] and not self._has_lengths:
            return probabilities, invalid_state(self.n_hidden)
        shape = (1, self.n_hidden)
        return probabilities, (c.reshape(shape), h.reshape(shape))


def _check_file(path: Path) -> None:
    """Refuse what is not a network before ONNX Runtime opens it."""
    try:
        check_onnx(path)
    except FileNotFoundError as error:
        raise ModelError(f"no such file: {path}", "check the path in model.json") from error
    except (OSError, ValueError, DamagedError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ModelError(
            f"{path} cannot be loaded as an ONNX network: {reason}",
            "use a network written by streamer convert",
        ) from error


def _open_session(path: Path, threads: int | None) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    if threads is None:
        small = path.stat().st_size <= SMALL_FILE_BYTES
        threads = 1 if small else min(MAX_THREADS, os.cpu_count() or 1)
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    # Threads that spin between windows would keep a core busy.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # The arena rounds sizes up and never shrinks; every window needs the same small amount.
    options.enable_cpu_mem_arena = False
    # Errors only: other messages would disturb the live view.
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(
            str(path), sess_options=options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # ONNX Runtime's own exceptions share no base class
        raise ModelError(
            f"{path} cannot be loaded as an ONNX network: {_first_line(error)}",
            "convert the model again",
        ) from error


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
