"""Reads the weights of a DeepSpeech network from its frozen TensorFlow graph."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from streamer.acoustic.contract import INPUT_NODE
from streamer.acoustic.weights import Weights
from streamer.arrays import FloatArray
from streamer.convert.readers.graph import Graph, Node, read_graph
from streamer.convert.readers.mapped_file import damaged_file_error
from streamer.convert.readers.metadata import describe
from streamer.errors import ConversionError, ModelError
from streamer.untrusted.damage import DamagedError

_METADATA = "metadata_"
#: TensorFlow's default, for graphs whose default attributes were stripped.
_FORGET_BIAS_DEFAULT = 1.0


def read_graphdef(path: Path) -> Weights:
    """Read the weights of a ``.pb`` or ``.pbmm`` file.

    Args:
        path: the file.

    Raises:
        ConversionError: it is missing, damaged, or another kind of network.
    """
    graph = read_graph(path)
    try:
        return _weights(graph)
    except (DamagedError, ModelError) as error:
        reason = error.what if isinstance(error, ModelError) else error
        raise damaged_file_error(path, "a DeepSpeech graph", reason) from error
    except ConversionError as error:
        raise ConversionError(f"{path}: {error.what}", error.todo) from error


def _weights(graph: Graph) -> Weights:
    layers = layers_by_name(
        {node.name: node for node in graph.nodes.values() if node.op in ("Const", "ImmutableConst")}
    )
    arrays = {name: _matrix(graph, node) for name, node in layers.items()}
    description = {**_metadata(graph), **_geometry(graph), **_lstm_attributes(graph)}
    clips = {_scalar(graph, node) for node in graph.of_kind("Minimum")}
    if len(clips) > 1:
        raise DamagedError(f"its layers are clipped differently, at {sorted(clips)}")
    if clips:
        description["relu_clip"] = clips.pop()
    return Weights(arrays, description)


def layers_by_name(found: Mapping[str, Any]) -> dict[str, Any]:
    """Select DeepSpeech's layers among variables and give them the names of `Weights`.

    Args:
        found: variables by TensorFlow's names, of any type.

    Raises:
        ConversionError: a layer is missing, or the network is of another kind.
    """
    if any("layer_norm" in name.lower() or "layernorm" in name.lower() for name in found):
        raise ConversionError(
            "the network has layer normalisation, which is not supported",
            "train without --layer_norm",
        )
    layers: dict[str, Any] = {}
    for layer in (1, 2, 3, 5, 6):
        for part in ("weights", "bias"):
            name = f"layer_{layer}/{part}"
            if name not in found:
                raise DamagedError(f"{name} is missing")
            layers[name] = found[name]
    for part in ("kernel", "bias"):
        # Optimisers store averages of a variable under its name with a suffix.
        matches = [name for name in found if name.endswith(f"lstm_cell/{part}")]
        if len(matches) != 1:
            raise DamagedError(f"there are {len(matches)} LSTMs, not one")
        layers[f"lstm/{part}"] = found[matches[0]]
    return layers


def _matrix(graph: Graph, node: Node) -> FloatArray:
    array = graph.constant(node)
    if array.dtype not in (np.float32, np.float16):
        raise DamagedError(f"{node.name} is {array.dtype}, not float32")
    return array.astype(np.float32, copy=False)


def _scalar(graph: Graph, node: Node) -> float:
    for name in node.inputs:
        source = graph.nodes.get(name)
        if source is not None and source.op in ("Const", "ImmutableConst"):
            value = graph.constant(source)
            if value.size == 1 and value.dtype == np.float32:
                return float(value.reshape(-1)[0])
    raise DamagedError(f"{node.name} has no constant bound")


def _geometry(graph: Graph) -> dict[str, Any]:
    node = graph.nodes.get(INPUT_NODE)
    shape = graph.shape(node) if node is not None else None
    if shape is None or len(shape) != 4 or shape[2] % 2 != 1 or min(shape[2:]) < 1:
        raise DamagedError(f"its input_node has shape {shape}")
    geometry: dict[str, Any] = {"n_context": shape[2] // 2, "n_input": shape[3]}
    if shape[1] > 0:
        geometry["n_steps"] = shape[1]
    return geometry


def _lstm_attributes(graph: Graph) -> dict[str, Any]:
    blocks = graph.of_kind("BlockLSTM")
    if len(blocks) != 1:
        raise DamagedError(f"it has {len(blocks)} BlockLSTM operations, not one")
    block = blocks[0]
    if graph.number(block, "use_peephole"):
        raise DamagedError("its LSTM has peepholes")
    clip = graph.number(block, "cell_clip")
    # A stripped attribute has its default, which is to clip at 3.
    if clip is None or clip > 0:
        raise DamagedError("its LSTM clips the cell")
    bias = graph.number(block, "forget_bias")
    return {"forget_bias": _FORGET_BIAS_DEFAULT if bias is None else bias}


def _metadata(graph: Graph) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for node in graph.nodes.values():
        if node.name.startswith(_METADATA) and node.op in ("Const", "ImmutableConst"):
            value = graph.constant(node).reshape(-1)
            if value.size != 1:
                raise DamagedError(f"{node.name} has {value.size} values")
            values[node.name[len(_METADATA) :]] = value[0]
    return describe(values, _filters(graph))


def _filters(graph: Graph) -> dict[str, Any]:
    """Return the front end's settings from the graph's own feature operations."""
    found: dict[str, Any] = {}
    wanted: tuple[tuple[str, str, str, Any], ...] = (
        ("AudioSpectrogram", "window_size", "window_samples", int),
        ("AudioSpectrogram", "stride", "step_samples", int),
        ("Mfcc", "dct_coefficient_count", "n_coefficients", int),
        ("Mfcc", "filterbank_channel_count", "n_filters", int),
        ("Mfcc", "lower_frequency_limit", "low_hz", float),
        ("Mfcc", "upper_frequency_limit", "high_hz", float),
    )
    for kind, attribute, argument, convert in wanted:
        for node in graph.of_kind(kind)[:1]:
            value = graph.number(node, attribute)
            if value is not None:
                if not 0 <= value <= 1 << 16:
                    raise DamagedError(f"{node.name} has {attribute} {value}")
                found[argument] = convert(value)
    return found
