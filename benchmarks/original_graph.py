"""Writes a frozen DeepSpeech graph with random weights and varied transcripts.

    python benchmarks/original_graph.py TEMPLATE.pb RECORDING... -o GRAPH.pb [--hidden 2048]

TEMPLATE.pb is a static graph exported by DeepSpeech 0.9. With ``--hidden`` it
is enlarged to that number of units with random weights. A random last layer would
output the same letter all the time; so it is drawn at random over the principal
directions of the previous layer's outputs on the recordings, sharp enough that
each frame prefers a letter. Needs TensorFlow.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import tensorflow as tf

from streamer.features import DeepSpeechFrontEnd, Framer

LSTM = "cudnn_lstm/rnn/multi_rnn_cell/cell_0/cudnn_compatible_lstm_cell/"
#: Principal directions of the previous layer that the new last layer uses.
DIRECTIONS = 20


def hidden_activity(weights: dict[str, Any], recordings: list[Path]) -> Any:
    """Return the fifth layer's outputs, float64 (frames, N)."""

    def dense(x: Any, layer: int) -> Any:
        name = f"layer_{layer}"
        return np.clip(x @ weights[f"{name}/weights"] + weights[f"{name}/bias"], 0, 20)

    def sigmoid(x: Any) -> Any:
        return 1 / (1 + np.exp(-x))

    kernel, bias = weights[LSTM + "kernel"], weights[LSTM + "bias"]
    seen = []
    for path in recordings:
        samples, _ = soundfile.read(path, dtype="float32")
        framer = Framer(DeepSpeechFrontEnd(), 16, 9)
        c = h = np.zeros(len(bias) // 4, np.float32)
        for window in framer.feed(samples) + framer.finish():
            x = window.features[0, : window.n].reshape(window.n, -1)
            for step in dense(dense(dense(x, 1), 2), 3):
                i, j, f, o = np.split(np.concatenate([step, h]) @ kernel + bias, 4)
                c = sigmoid(f) * c + sigmoid(i) * np.tanh(j)
                h = sigmoid(o) * np.tanh(c)
                seen.append(dense(h, 5))
    return np.array(seen)


def main() -> None:
    """Read the template, replace its constants and write the graph."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("template", type=Path)
    parser.add_argument("recordings", type=Path, nargs="+", help="mono, 16 kHz")
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--hidden", type=int)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--sharpness", type=float, default=4.0)
    arguments = parser.parse_args()

    graph = tf.compat.v1.GraphDef()
    graph.ParseFromString(arguments.template.read_bytes())
    chance = np.random.default_rng(arguments.seed)
    constants = {
        node.name: tf.make_ndarray(node.attr["value"].tensor)
        for node in graph.node
        if node.op == "Const"
    }
    old = constants["layer_1/bias"].shape[0]
    n = arguments.hidden or old
    if n != old:
        sizes = {old: n, 2 * old: 2 * n, 4 * old: 4 * n}
        for name, value in constants.items():
            if name.endswith(("weights", "kernel", "bias", "zeros")) and value.dtype == np.float32:
                shape = [sizes.get(size, size) for size in value.shape]
                spread = 0.0 if len(shape) < 2 else np.sqrt(2.0 / shape[0]) / 2
                constants[name] = (chance.normal(size=shape) * spread).astype(np.float32)
            elif value.dtype.kind == "i" and value.size < 5:
                constants[name] = np.where(value == old, n, value).astype(value.dtype)
    activity = hidden_activity(constants, arguments.recordings)
    mean = activity.mean(0)
    _, strength, directions = np.linalg.svd(activity - mean, full_matrices=False)
    strength = strength[:DIRECTIONS] / np.sqrt(len(activity))
    n_labels = constants["layer_6/bias"].shape[0]
    draw = chance.normal(size=(DIRECTIONS, n_labels)) / np.sqrt(DIRECTIONS)
    last = (directions[:DIRECTIONS].T / strength) @ draw * arguments.sharpness
    bias = -mean @ last
    bias[-1] += arguments.sharpness  # the blank is the most likely label, as in a trained network
    bias[0] += arguments.sharpness / 4  # words are short
    constants["layer_6/weights"] = last.astype(np.float32)
    constants["layer_6/bias"] = bias.astype(np.float32)
    for node in graph.node:
        if node.op == "Const":
            node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(constants[node.name]))
        elif node.op == "Placeholder":
            for size in node.attr["shape"].shape.dim:
                size.size = n if size.size == old else size.size
    arguments.output.write_bytes(graph.SerializeToString())
    print(f"{arguments.output}: {n} units, {arguments.output.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
