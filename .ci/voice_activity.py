"""Write the network of voice activity anew from Silero's: fewer operations, several chunks at once.

    python .ci/voice_activity.py silero_vad_half.onnx assets/voice-activity/silero_vad_chunks.onnx

Silero's file comes from PyTorch and contains all that its tracer saw: branches for other shapes,
weights that are cut and joined in every call, constants. What is computed is this, with the same
weights: a spectrum by convolution, four convolutions, an LSTM, one output. Chunks are independent
but for the LSTM, so they go through the rest as a batch and through the LSTM as a sequence. The
probabilities are the same to the bit, for one chunk and for many.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

#: Units of the LSTM, bins of the spectrum, samples reflected after a chunk, strides of the encoder.
UNITS, BINS, PAD, STRIDES = 128, 129, 64, (1, 2, 2, 1)
#: Samples of a chunk with its context.
INPUT_SAMPLES = 576


def reordered(gates: Any) -> Any:
    """Return gates in ONNX's order i, o, f, c instead of PyTorch's i, f, c, o; along axis 0."""
    i, f, c, o = np.split(gates, 4)
    return np.concatenate([i, o, f, c])


def constants(weights: dict[str, Any]) -> dict[str, Any]:
    """Return the initialisers by name."""
    rnn = {name: reordered(weights[f"decoder.rnn.{name}"]) for name in
           ("weight_ih", "weight_hh", "bias_ih", "bias_hh")}  # fmt: skip
    found = {
        "pads": np.array([0, 0, 0, PAD]),
        "one": np.array([1]),
        "sequence": np.array([-1, 1, UNITS]),
        "halves": np.array([BINS, BINS]),
        "basis": weights["stft.forward_basis_buffer"],
        "w": rnn["weight_ih"][None],
        "r": rnn["weight_hh"][None],
        "b": np.concatenate([rnn["bias_ih"], rnn["bias_hh"]])[None],
        "output_weight": weights["decoder.decoder.2.weight"],
        "output_bias": weights["decoder.decoder.2.bias"],
    }
    for k in range(len(STRIDES)):
        for part in ("weight", "bias"):
            found[f"{part}{k}"] = weights[f"encoder.{k}.reparam_conv.{part}"]
    return found


def nodes() -> list[Any]:
    """Return the operations."""
    node = helper.make_node
    found = [
        node("Pad", ["input", "pads"], ["padded"], mode="reflect"),
        node("Unsqueeze", ["padded", "one"], ["samples"]),
        node("Conv", ["samples", "basis"], ["spectrum"], kernel_shape=[256], strides=[128]),
        node("Split", ["spectrum", "halves"], ["real", "imaginary"], axis=1),
        node("Mul", ["real", "real"], ["real2"]),
        node("Mul", ["imaginary", "imaginary"], ["imaginary2"]),
        node("Add", ["real2", "imaginary2"], ["power"]),
        node("Sqrt", ["power"], ["layer0"]),
    ]
    for k, stride in enumerate(STRIDES):
        inputs = [f"layer{k}", f"weight{k}", f"bias{k}"]
        found.append(
            node("Conv", inputs, [f"sum{k}"], kernel_shape=[3], pads=[1, 1], strides=[stride])
        )
        found.append(node("Relu", [f"sum{k}"], [f"layer{k + 1}"]))
    return [
        *found,
        node("Reshape", [f"layer{len(STRIDES)}", "sequence"], ["steps"]),
        node("LSTM", ["steps", "w", "r", "b", "", "h", "c"], ["y", "new_h", "new_c"],
             hidden_size=UNITS),
        node("Squeeze", ["y", "one"], ["rows"]),
        node("Transpose", ["rows"], ["columns"], perm=[0, 2, 1]),
        node("Relu", ["columns"], ["active"]),
        node("Conv", ["active", "output_weight", "output_bias"], ["logits"], kernel_shape=[1]),
        node("Sigmoid", ["logits"], ["output"]),
    ]  # fmt: skip


def main() -> int:
    """Read Silero's file and write ours."""
    source, target = sys.argv[1:]
    weights = {w.name: numpy_helper.to_array(w) for w in onnx.load(source).graph.initializer}

    def tensor(name: str, shape: list[Any]) -> Any:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)

    state = [1, 1, UNITS]
    graph = helper.make_graph(
        nodes(),
        "silero",
        [tensor("input", ["n", INPUT_SAMPLES]), tensor("h", state), tensor("c", state)],
        [tensor("output", ["n", 1, 1]), tensor("new_h", state), tensor("new_c", state)],
        [
            numpy_helper.from_array(np.ascontiguousarray(a), n)
            for n, a in constants(weights).items()
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, target)
    return 0


if __name__ == "__main__":
    sys.exit(main())
