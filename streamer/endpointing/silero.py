"""Silero VAD in ONNX Runtime: the probability of speech in each 32 ms of audio."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np

from streamer.arrays import FloatArray
from streamer.errors import ModelError

#: The only chunk length that the network takes, at 16 kHz.
CHUNK_SAMPLES = 512

#: Samples before the chunk that the network wants to see too.
CONTEXT_SAMPLES = 64

#: Shape of its recurrent states h and c: one direction, one stream, 128 units.
_STATE_SHAPE = (1, 1, 128)

_FILE = "silero_vad_chunks.onnx"


class Silero:
    """Silero's network with the state of one stream.

    Raises:
        ModelError: the network cannot be loaded.
    """

    def __init__(self) -> None:
        try:
            import onnxruntime
        except ImportError as error:
            raise ModelError(
                f"voice activity needs onnxruntime ({error})", "pip install onnxruntime"
            ) from error
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.enable_cpu_mem_arena = False  # as in acoustic/onnx_model.py
        options.log_severity_level = 3
        path = network_path()
        try:
            self._session = onnxruntime.InferenceSession(
                str(path), sess_options=options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # ONNX Runtime's own exceptions share no base class
            raise ModelError(
                f"{path} cannot be loaded ({str(error).splitlines()[0][:200]})",
                "install streamer again",
            ) from error
        self._outputs = ["output", "new_h", "new_c"]
        self.reset()

    def new_stream(self) -> Silero:
        """Return the same network for another stream."""
        other = copy.copy(self)
        other.reset()
        return other

    def reset(self) -> None:
        """Forget the past."""
        self._context = np.zeros(CONTEXT_SAMPLES, np.float32)
        self._h = self._c = np.zeros(_STATE_SHAPE, np.float32)

    def probabilities(self, chunks: FloatArray) -> list[float]:
        """Return the probability of speech in each of the next chunks.

        Args:
            chunks: float32 (n, 512), n > 0, full scale 1. Several at once cost half as much as
                one by one; the probabilities are the same, to the bit.
        """
        samples = np.empty((len(chunks), CONTEXT_SAMPLES + CHUNK_SAMPLES), np.float32)
        samples[:, CONTEXT_SAMPLES:] = chunks
        samples[0, :CONTEXT_SAMPLES] = self._context
        samples[1:, :CONTEXT_SAMPLES] = chunks[:-1, -CONTEXT_SAMPLES:]
        self._context = samples[-1, -CONTEXT_SAMPLES:].copy()
        output, self._h, self._c = self._session.run(
            self._outputs, {"input": samples, "h": self._h, "c": self._c}
        )
        found: list[float] = output.ravel().tolist()
        return found


def network_path() -> Path:
    """Return the path of the network, in a wheel or in a checkout."""
    package = Path(__file__).resolve().parents[1]
    inside = package / "assets" / "voice-activity"
    return (inside if inside.is_dir() else package.parent / "assets" / "voice-activity") / _FILE
