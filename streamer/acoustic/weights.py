"""The weights of a network as arrays: every conversion goes through them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from streamer.arrays import FloatArray
from streamer.errors import ModelError

#: Defaults of the description: DeepSpeech's own values.
DEFAULTS: Mapping[str, Any] = MappingProxyType(
    {
        "n_input": 26,
        "n_context": 9,
        "relu_clip": 20.0,
        "forget_bias": 0.0,
        "sample_rate_hz": 16000,
        "n_phonemes": 0,
    }
)

#: The layers, in the order in which they are saved.
LAYER_NAMES = (
    "layer_1/weights",
    "layer_1/bias",
    "layer_2/weights",
    "layer_2/bias",
    "layer_3/weights",
    "layer_3/bias",
    "lstm/kernel",
    "lstm/bias",
    "layer_5/weights",
    "layer_5/bias",
    "layer_6/weights",
    "layer_6/bias",
)


def expected_shapes(
    n_input: int, n_context: int, n_hidden: int, n_labels: int
) -> dict[str, tuple[int, ...]]:
    """Return the shape of each layer of a network."""
    n, width = n_hidden, n_input * (2 * n_context + 1)
    return {
        "layer_1/weights": (width, n),
        "layer_1/bias": (n,),
        "layer_2/weights": (n, n),
        "layer_2/bias": (n,),
        "layer_3/weights": (n, n),
        "layer_3/bias": (n,),
        "lstm/kernel": (2 * n, 4 * n),
        "lstm/bias": (4 * n,),
        "layer_5/weights": (n, n),
        "layer_5/bias": (n,),
        "layer_6/weights": (n, n_labels),
        "layer_6/bias": (n_labels,),
    }


@dataclass(frozen=True)
class Weights:
    """A DeepSpeech network as arrays.

    dense 1 to 3, LSTM, dense 5 and 6, softmax; each hidden dense layer is
    ``min(relu(x), relu_clip)``. The LSTM's kernel has the rows [x; h] and the
    columns i, j (cell), f, o, in TensorFlow's order; ``forget_bias`` is added
    to f. There are no peepholes and there is no cell clipping. A network can
    have phoneme outputs after the labels: the last ``n_phonemes`` outputs have
    a separate softmax, see `groups`.

    Attributes:
        layers: float32 arrays by the names of `LAYER_NAMES`:
            ``layer_1/weights`` (n_input * (2 * n_context + 1), N),
            ``lstm/kernel`` (2N, 4N), ``layer_6/weights`` (N, n_labels); see
            `expected_shapes`.
        description: n_input, n_context, relu_clip,
            forget_bias, sample_rate_hz, n_phonemes and, if known, front_end (an entry
            of ``model.json``), alphabet (list of labels without the blank),
            language, n_steps. Missing numbers come from `DEFAULTS`.

    Raises:
        ModelError: a layer is missing, unknown, or has the wrong shape or
            type, or a number in the description is out of range.
    """

    layers: Mapping[str, FloatArray]
    description: Mapping[str, Any]

    def __post_init__(self) -> None:
        object.__setattr__(self, "layers", MappingProxyType(dict(self.layers)))
        filled = {**DEFAULTS, **self.description}
        object.__setattr__(self, "description", MappingProxyType(filled))
        self._check_description()
        self._check_layers()

    def _check_description(self) -> None:
        for name in ("n_input", "n_context", "sample_rate_hz", "n_phonemes"):
            value = self.description[name]
            low = 0 if name in ("n_context", "n_phonemes") else 1
            if not isinstance(value, int) or isinstance(value, bool) or value < low:
                raise _broken(f"{name} is {value!r}")
        for name in ("relu_clip", "forget_bias"):
            value = self.description[name]
            if not isinstance(value, (int, float)) or not np.isfinite(value):
                raise _broken(f"{name} is {value!r}")
        if self.description["relu_clip"] <= 0:
            raise _broken(f"relu_clip is {self.description['relu_clip']!r}")

    def _check_layers(self) -> None:
        missing = [name for name in LAYER_NAMES if name not in self.layers]
        if missing:
            raise _broken(f"{missing[0]} is missing")
        unknown = sorted(set(self.layers) - set(LAYER_NAMES))
        if unknown:
            raise _broken(f"{unknown[0]} is not a layer of a DeepSpeech network")
        for name, array in self.layers.items():
            if array.dtype != np.float32:
                raise _broken(f"{name} is {array.dtype}, not float32")
            if array.ndim != (1 if name.endswith("bias") else 2):
                raise _broken(f"{name} has shape {array.shape}")
        shapes = expected_shapes(self.n_input, self.n_context, self.n_hidden, self.n_labels)
        if self.n_hidden < 1 or min(self.groups) < 2:
            raise _broken(f"{self.n_hidden} units and {self.n_labels} labels")
        for name, shape in shapes.items():
            if self.layers[name].shape != shape:
                raise _broken(f"{name} has shape {self.layers[name].shape}, not {shape}")

    @property
    def n_input(self) -> int:
        """Coefficients in a feature vector."""
        return int(self.description["n_input"])

    @property
    def n_context(self) -> int:
        """Feature vectors before and after the one in the middle."""
        return int(self.description["n_context"])

    @property
    def n_hidden(self) -> int:
        """Units of the LSTM and of the hidden layers."""
        return int(self.layers["layer_2/weights"].shape[1])

    @property
    def n_labels(self) -> int:
        """All outputs: labels and the blank, then the phonemes and theirs if there are any."""
        return int(self.layers["layer_6/weights"].shape[1])

    @property
    def groups(self) -> tuple[int, ...]:
        """Sizes of the groups of outputs with a softmax each, in order."""
        n_phonemes = int(self.description["n_phonemes"])
        return (self.n_labels - n_phonemes, n_phonemes) if n_phonemes else (self.n_labels,)

    @property
    def relu_clip(self) -> float:
        """Upper bound of the outputs of the hidden dense layers."""
        return float(self.description["relu_clip"])

    @property
    def forget_bias(self) -> float:
        """Added to the forget gate before its sigmoid."""
        return float(self.description["forget_bias"])


def _broken(what: str) -> ModelError:
    return ModelError(
        f"not the weights of a DeepSpeech network: {what}",
        "convert the original model again, or use another file",
    )
