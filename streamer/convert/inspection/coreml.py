"""Inspects Core ML models."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from streamer.convert.check.stored_precision import (
    layers,
    program_operations,
    stored_precision,
)
from streamer.convert.coreml.model_file import Feature, open_model
from streamer.convert.inspection.inspection import (
    Inspection,
    TensorInfo,
    shape_text,
    short_text,
    size_bytes,
)


def inspect_coreml(path: Path) -> Inspection:
    """Inspect an ``.mlmodel`` or ``.mlpackage``; see `inspect_model`."""
    model = open_model(path)

    def infos(features: Sequence[Feature]) -> tuple[TensorInfo, ...]:
        return tuple(TensorInfo(f.name, f.dtype, shape_text(f.shape)) for f in features)

    if model.kind == "mlprogram":
        kinds = [operation.type for operation in program_operations(model.spec)]
    else:
        kinds = [str(layer.WhichOneof("layer")) for layer in layers(model.spec.neuralNetwork)]
    counts = Counter(kind for kind in kinds if kind != "const")
    about = {key: short_text(value) for key, value in model.metadata.items()}
    if model.functions:
        about["functions"] = ", ".join(model.functions)
    about["precision"] = stored_precision(model)
    about["specification"] = str(model.spec.specificationVersion)
    return Inspection(
        path,
        {"mlprogram": "Core ML program", "neuralnetwork": "Core ML neural network"}[model.kind],
        size_bytes(path),
        infos(model.inputs),
        infos(model.outputs),
        infos(model.states),
        dict(counts),
        about,
    )
