"""Inspects TensorFlow Lite files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from streamer.convert.inspection.inspection import (
    Inspection,
    TensorInfo,
    shape_text,
    short_text,
    size_bytes,
)
from streamer.convert.readers.tflite import read_lite_graph, read_tflite, tensor_dtype
from streamer.errors import ConversionError


def inspect_lite(path: Path) -> Inspection:
    """Inspect a ``.tflite``; see `inspect_model`."""
    graph = read_lite_graph(path)

    def info(tensor: Any) -> TensorInfo:
        dtype = tensor_dtype(tensor)
        name = "string" if dtype is None else np.dtype(dtype).name
        return TensorInfo(tensor.name, name, shape_text(tensor.shape))

    def infos(numbers: Sequence[int]) -> tuple[TensorInfo, ...]:
        tensors = [graph.tensors[n] for n in numbers if 0 <= n < len(graph.tensors)]
        return tuple(info(t) for t in tensors if not t.name.startswith("metadata_"))

    counts = Counter(operation.op for operation in graph.operations)
    try:
        about = {key: short_text(value) for key, value in read_tflite(path).description.items()}
    except ConversionError:
        about = {}  # another network than DeepSpeech's: it has no description
    return Inspection(
        path,
        "TensorFlow Lite",
        size_bytes(path),
        infos(graph.inputs),
        infos(graph.outputs),
        (),
        dict(counts),
        about,
    )
