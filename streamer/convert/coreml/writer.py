"""Writes the acoustic network as a Core ML model, without TensorFlow."""

from __future__ import annotations

import json
import math
import os
import shutil
import tempfile
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

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
)
from streamer.convert.coreml.network import STATE_NAMES, build_program, deployment_target
from streamer.convert.coreml.palette import cluster
from streamer.convert.imports import coremltools_silenced, import_coremltools
from streamer.convert.options import (
    COREML_FORMATS,
    COREML_SUFFIXES,
    MAX_FLEXIBLE_STEPS,
    PRECISIONS,
    SHAPES,
    check_choice,
    check_flexible,
    check_steps,
    default_shape,
)
from streamer.errors import ConversionError

if TYPE_CHECKING:
    from streamer.acoustic.weights import Weights

#: Layers that are not compressed. Coefficients differ in size by more than a byte can resolve: with
#: 4 bits for the first layer one best label in eight changes, without it one in thirty. The last
#: layer is small. Together they are 2 % of a network of 2048 units.
EXACT_LAYERS = ("layer_1", "layer_6")

#: Channels that share a palette. On the bundled network smaller groups are no better.
PALETTE_GROUP = 8

#: Descriptions of inputs, outputs and states.
PORTS: Mapping[str, str] = MappingProxyType(
    {
        INPUT_NODE: "Features: for each step the coefficients of the frames around it, "
        "(1, steps, frames, coefficients). After the last real step anything, for example zeros.",
        INPUT_LENGTHS: "Number of real steps, 1 to steps; the states are those after the last one.",
        PREVIOUS_C: "Cell of the LSTM after the window before: new_state_c, or zeros at the start.",
        PREVIOUS_H: "Output of the LSTM after the window before: new_state_h, or zeros at the "
        "start.",
        LOGITS: "Probabilities (not logits, despite the name, which is DeepSpeech's) of each label "
        "at each step; the blank is last.",
        NEW_C: "Cell of the LSTM after the window, for previous_state_c.",
        NEW_H: "Output of the LSTM after the window, for previous_state_h.",
        STATE_NAMES[0]: "Cell of the LSTM, kept from window to window; zeros at the start.",
        STATE_NAMES[1]: "Output of the LSTM, kept from window to window; zeros at the start.",
    }
)


def model_path(folder: str | Path, name: str, model_format: str = "mlprogram") -> Path:
    """Return the path of a model in a folder, with its format's suffix."""
    return Path(folder) / f"{name}{COREML_SUFFIXES[model_format]}"


def write_coreml(
    weights: Weights,
    path: str | Path,
    steps: int = DEFAULT_STEPS,
    shape: str | None = None,
    precision: str = "fp32",
    format: str = "mlprogram",
    lengths: bool = False,
    flexible: bool = False,
) -> Path:
    """Write a network as a Core ML model; ``path`` is replaced at the end.

    Args:
        weights: the network.
        path: the ``.mlpackage`` (ML program) or ``.mlmodel`` (neural network) to write.
        steps: steps in a window, 1 to 64. Fewer steps mean less delay and more calls.
        shape: ``unrolled``, ``lstm`` or ``stateful``, see `streamer.convert.coreml.network`; if
            None, `options.DEFAULT_SHAPES`.
        precision: ``fp32``, ``fp16``, ``int8`` (linear, a scale for each channel),
            ``palette6`` or ``palette4`` (64 or 16 values for each group of channels; for each
            matrix in a neural network). `EXACT_LAYERS` stay float16.
        format: ``mlprogram`` or ``neuralnetwork``.
        lengths: whether the model has the input ``input_lengths``, so that the states after
            a short window are valid. Nothing needs them: a stream ends with its short window. An
            integer that is cast and spread over a mask may split the graph between processors.
        flexible: whether a window can have any number of steps, up to `MAX_FLEXIBLE_STEPS` in an
            ML program; ``steps`` is not used then, and the shape must be ``lstm``.

    Returns:
        ``path``.

    Raises:
        ConversionError: an argument is out of range, or coremltools is not installed.
    """
    place = Path(path)
    check_choice("Core ML format", format, COREML_FORMATS)
    shape = default_shape(format, flexible) if shape is None else shape
    _check_arguments(place, steps, shape, precision, format)
    check_flexible(flexible, [shape], lengths)
    ct = import_coremltools()
    with coremltools_silenced():
        # The older format is quantised afterwards, and Core ML chooses the type it computes in.
        old = format == "neuralnetwork"
        compute = "fp32" if precision == "fp32" or old else "fp16"
        target = ct.target.iOS13 if old else deployment_target(ct, shape, precision)
        time = flexible_steps(ct, format) if flexible else None
        axis = steps if time is None else time.symbol
        program = build_program(weights, axis, shape, lengths, compute, target)
        inputs = None if time is None else [_flexible_window(ct, weights, time, compute)]
        if old:
            model = _as_neural_network(ct, program, precision, inputs)
        else:
            model = _as_ml_program(ct, program, target, precision, weights.n_hidden, inputs)
    about = {
        "streamer.shape": shape,
        "streamer.precision": precision,
        "streamer.steps": "flexible" if flexible else str(steps),
        **_metadata(weights),
    }
    save_model(model, place, about, **known_metadata(weights.description))
    return place


def known_metadata(description: Mapping[str, Any]) -> dict[str, str]:
    """Return what Core ML and Xcode show of a network's description, for `save_model`."""
    about = {key: str(description.get(key, "")) for key in ("author", "licence", "version")}
    summary = str(description.get("description", "")) or "Streaming speech recognition network"
    return {**about, "summary": summary}


def flexible_steps(ct: Any, model_format: str) -> Any:
    """Return a time axis of any length as coremltools has it."""
    most = MAX_FLEXIBLE_STEPS if model_format == "mlprogram" else -1
    return ct.RangeDim(1, most, DEFAULT_STEPS)


def _flexible_window(ct: Any, weights: Weights, time: Any, compute: str) -> Any:
    shape = (1, time, 2 * weights.n_context + 1, weights.n_input)
    return ct.TensorType(INPUT_NODE, shape, np.float16 if compute == "fp16" else np.float32)


def save_model(
    model: Any,
    path: Path,
    about: dict[str, str],
    author: str = "",
    licence: str = "",
    version: str = "",
    summary: str = "",
) -> None:
    """Save a coremltools model with its metadata, completely or not at all.

    Inputs, outputs and states are described, as Xcode shows them.

    Args:
        model: a ``coremltools.models.MLModel``.
        path: file or package to write; replaced if it is there.
        about: entries for ``user_defined_metadata``.
        author: author of the network.
        licence: its licence.
        version: its version.
        summary: a one-line description.

    Raises:
        ConversionError: the path cannot be written.
    """
    model = _with_described_ports(model)
    model.author, model.license, model.version = author, licence, version
    model.short_description = summary
    for key, value in about.items():
        model.user_defined_metadata[key] = value
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=".writing-") as scratch:
            fresh = Path(scratch) / path.name
            with coremltools_silenced():
                model.save(str(fresh))
            if path.is_dir():
                shutil.rmtree(path)
            os.replace(fresh, path)
    except OSError as error:
        raise ConversionError(
            f"{path} cannot be written ({error.strerror or error})",
            "choose another folder, or free some space",
        ) from error


def _with_described_ports(model: Any) -> Any:
    spec = model.get_spec()
    description = spec.description
    for port in (*description.input, *description.output, *description.state):
        port.shortDescription = PORTS.get(port.name, "")
    return type(model)(spec, weights_dir=model.weights_dir, skip_model_load=True)


def _check_arguments(path: Path, steps: int, shape: str, precision: str, model_format: str) -> None:
    check_choice("shape", shape, SHAPES)
    check_choice("precision", precision, PRECISIONS)
    check_steps(steps)
    if model_format == "neuralnetwork" and shape == "stateful":
        raise ConversionError(
            "a neural network cannot be stateful", "use --format mlprogram, or another shape"
        )
    suffix = COREML_SUFFIXES[model_format]
    if path.suffix != suffix:
        raise ConversionError(
            f"{path.name}: the suffix of a {model_format} is {suffix}",
            f"name it {path.stem}{suffix}",
        )


def _metadata(weights: Weights) -> dict[str, str]:
    """Return the network's description as ``user_defined_metadata``."""
    about = {}
    for key, value in weights.description.items():
        about[f"streamer.{key}"] = (
            value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        )
    return about


def _as_ml_program(
    ct: Any, program: Any, target: Any, precision: str, n_hidden: int, inputs: Any
) -> Any:
    # The program has its final type already: no pass may change it.
    model = ct.convert(
        program,
        inputs=inputs,
        convert_to="mlprogram",
        compute_precision=ct.precision.FLOAT32,
        minimum_deployment_target=target,
        skip_model_load=True,
    )
    if precision in ("fp32", "fp16"):
        return model
    optimize = ct.optimize.coreml
    exact = dict.fromkeys(EXACT_LAYERS)
    if precision == "int8":
        linear = optimize.OpLinearQuantizerConfig(
            mode="linear_symmetric", dtype="int8", granularity="per_channel"
        )
        return optimize.linear_quantize_weights(
            model, config=optimize.OptimizationConfig(global_config=linear, op_name_configs=exact)
        )
    bits = int(precision[len("palette") :])
    palette = optimize.OpPalettizerConfig(
        mode="custom",
        lut_function=partial(cluster, bits),
        granularity="per_grouped_channel",
        group_size=math.gcd(n_hidden, PALETTE_GROUP),
    )
    return optimize.palettize_weights(
        model, config=optimize.OptimizationConfig(global_config=palette, op_name_configs=exact)
    )


def _as_neural_network(ct: Any, program: Any, precision: str, inputs: Any) -> Any:
    model = ct.convert(program, inputs=inputs, convert_to="neuralnetwork", skip_model_load=True)
    if precision == "fp32":
        return model
    from coremltools.models.neural_network import quantization_utils

    if precision == "fp16":
        return quantization_utils.quantize_weights(model, 16, "linear")

    class MatricesOnly(quantization_utils.QuantizedLayerSelector):  # type: ignore[misc]
        """Skips `EXACT_LAYERS`, biases and constants: the mask of steps must be exact."""

        def do_quantize(self, layer: Any, weight_param: Any = None, **_: Any) -> bool:
            kinds = ("innerProduct", "convolution", "uniDirectionalLSTM")
            exact = layer.name in EXACT_LAYERS or weight_param == "bias"
            return layer.WhichOneof("layer") in kinds and not exact

    selector = MatricesOnly()
    exact = model.get_spec()
    if precision == "int8":
        model = quantization_utils.quantize_weights(model, 8, "linear_symmetric", selector=selector)
    else:
        bits = int(precision[len("palette") :])
        model = quantization_utils.quantize_weights(
            model, bits, "custom_lut", lut_function=_palette_of_floats, selector=selector
        )
    return _with_lstm_biases(ct, model, exact)


def _with_lstm_biases(ct: Any, model: Any, exact: Any) -> Any:
    """Restore an LSTM's biases, which coremltools compresses despite the selector."""
    spec = model.get_spec()
    before = {layer.name: layer for layer in exact.neuralNetwork.layers}
    for layer in spec.neuralNetwork.layers:
        if layer.WhichOneof("layer") == "uniDirectionalLSTM":
            for gate in ("inputGate", "forgetGate", "outputGate", "blockInput"):
                name = f"{gate}BiasVector"
                original = before[layer.name].uniDirectionalLSTM.weightParams
                compressed = layer.uniDirectionalLSTM.weightParams
                getattr(compressed, name).CopyFrom(getattr(original, name))
    return ct.models.MLModel(spec, skip_model_load=True)


def _palette_of_floats(bits: int, weights: Any) -> Any:
    table, indices = cluster(bits, weights)
    return table.astype("float32"), indices
