"""Determines the precision of a Core ML model from its file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from streamer.convert.coreml.model_file import ModelFile

# Numbers of the enumeration MIL.DataType, and the bits of its integer types.
_FLOAT16 = 10
_BITS = {21: 8, 31: 8, 25: 4, 35: 4, 36: 2, 37: 1, 38: 6, 39: 3}


def stored_precision(model: ModelFile) -> str:
    """Return ``fp32``, ``fp16``, ``int<bits>`` or ``palette<bits>``: the coarsest one found."""
    found = _of_program(model.spec) if model.kind == "mlprogram" else _of_network(model.spec)
    # Fewest bits first; for equal bits a palette, which has larger errors at the tails.
    coarsest = min(found, default=(32, "fp32"))
    return coarsest[1]


def operations(block: Any) -> Iterator[Any]:
    """Yield the operations of a MIL block and of its nested blocks."""
    for operation in block.operations:
        yield operation
        for nested in operation.blocks:
            yield from operations(nested)


def layers(network: Any) -> Iterator[Any]:
    """Yield the layers of a neural network and of its nested networks."""
    for layer in network.layers:
        yield layer
        kind = layer.WhichOneof("layer")
        if kind == "loop":
            yield from layers(layer.loop.conditionNetwork)
            yield from layers(layer.loop.bodyNetwork)
        elif kind == "branch":
            yield from layers(layer.branch.ifBranch)
            yield from layers(layer.branch.elseBranch)


def program_operations(spec: Any) -> Iterator[Any]:
    """Yield the operations of all functions of an ML program."""
    for function in spec.mlProgram.functions.values():
        for block in function.block_specializations.values():
            yield from operations(block)


def operation_precision(operation: Any) -> tuple[int, str] | None:
    """Return how an operation stores or computes its result: bits and name; None for fp32."""
    parts = {**dict(operation.attributes)}
    for name, argument in operation.inputs.items():
        if argument.arguments and argument.arguments[0].WhichOneof("binding") == "value":
            parts[name] = argument.arguments[0].value
    kind = operation.type
    if kind == "constexpr_lut_to_dense" and "lut" in parts:
        dims = [int(d.constant.size) for d in parts["lut"].type.tensorType.dimensions]
        entries = dims[0] if len(dims) == 1 else dims[-2]
        bits = max(entries.bit_length() - 1, 1)
        return bits, f"palette{bits}"
    if kind in ("constexpr_affine_dequantize", "constexpr_blockwise_shift_scale"):
        name = "quantized_data" if kind == "constexpr_affine_dequantize" else "data"
        bits = _BITS.get(parts[name].type.tensorType.dataType, 8) if name in parts else 8
        return bits, f"int{bits}"
    if any(o.type.tensorType.dataType == _FLOAT16 for o in operation.outputs):
        return 16, "fp16"
    return None


def weights_precision(weights: Any) -> tuple[int, str] | None:
    """Return how a ``WeightParams`` message stores its values: bits and name; None for fp32."""
    if weights.float16Value:
        return 16, "fp16"
    if weights.rawValue:
        bits = int(weights.quantization.numberOfBits)
        linear = weights.quantization.WhichOneof("QuantizationType") == "linearQuantization"
        return bits, f"int{bits}" if linear else f"palette{bits}"
    return None


def _of_program(spec: Any) -> list[tuple[int, str]]:
    found = (operation_precision(operation) for operation in program_operations(spec))
    return [precision for precision in found if precision is not None]


def _of_network(spec: Any) -> list[tuple[int, str]]:
    found = (
        weights_precision(weights)
        for layer in layers(spec.neuralNetwork)
        for weights in _weights_of(getattr(layer, layer.WhichOneof("layer")))
    )
    return [precision for precision in found if precision is not None]


def _weights_of(message: Any) -> Iterator[Any]:
    """Yield the ``WeightParams`` in a layer's message."""
    for descriptor, value in message.ListFields():
        if descriptor.message_type is None:
            continue
        if descriptor.message_type.name == "WeightParams":
            yield value
        elif descriptor.message_type.name == "LSTMWeightParams":
            yield from _weights_of(value)
