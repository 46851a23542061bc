"""The layers of an older ``.mlmodel``, in NumPy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Callable

import numpy as np

from streamer.acoustic.numpy_model import sigmoid, softmax
from streamer.arrays import Array
from streamer.convert.check.mil import OPERATIONS, arithmetic, tensors
from streamer.convert.check.mil.operations import check_size, unsupported_error

Unpack = Callable[[Any, Sequence[int]], Array]


def unpack_weights(weights: Any, shape: Sequence[int]) -> Array:
    """Return a ``WeightParams`` message as float32 of that shape.

    Raises:
        ValueError: the number of values differs.
        ConversionError: its storage format is not supported.
    """
    count = int(np.prod(shape))
    check_size(float(np.prod([float(n) for n in shape])))
    if len(weights.floatValue):
        flat = np.array(weights.floatValue, np.float32)
    elif weights.float16Value:
        flat = np.frombuffer(weights.float16Value, np.float16).astype(np.float32)
    elif weights.rawValue:
        return _dequantised(weights, count, shape)
    else:
        raise unsupported_error("weights without values")
    if flat.size != count:
        raise ValueError(f"{flat.size} weights where {count} are expected")
    return flat.reshape(shape)


def _dequantised(weights: Any, count: int, shape: Sequence[int]) -> Array:
    quantization = weights.quantization
    bits = int(quantization.numberOfBits)
    if not 1 <= bits <= 8:
        raise unsupported_error(f"weights of {bits} bits")
    raw = np.frombuffer(weights.rawValue, np.uint8)
    if raw.size != (count * bits + 7) // 8:
        raise ValueError(f"{raw.size} bytes of weights where {count} weights are expected")
    # Unlike in ML programs, the highest bit comes first.
    stream = np.unpackbits(raw)[: count * bits].reshape(count, bits)
    codes = (stream * (1 << np.arange(bits))[::-1]).sum(axis=1)
    kind = quantization.WhichOneof("QuantizationType")
    if kind == "lookupTableQuantization":
        table = np.array(quantization.lookupTableQuantization.floatValue, np.float32)
        return np.asarray(table[codes].reshape(shape))
    if kind != "linearQuantization":
        raise unsupported_error(f"weights stored as {kind}")
    linear = quantization.linearQuantization
    scale = np.array(linear.scale, np.float32)
    bias = np.array(linear.bias, np.float32) if len(linear.bias) else np.zeros(1, np.float32)
    by_channel = [-1] + [1] * (len(shape) - 1)
    return np.asarray(
        codes.reshape(shape).astype(np.float32) * scale.reshape(by_channel)
        + bias.reshape(by_channel)
    )


def _activation(p: Any, x: Sequence[Array]) -> Array:
    kind = p.WhichOneof("NonlinearityType")
    if kind == "linear":
        return np.asarray(np.float32(p.linear.alpha) * x[0] + np.float32(p.linear.beta))
    plain: dict[str, Callable[[Array], Array]] = {
        "ReLU": lambda v: np.maximum(v, 0),
        "sigmoid": sigmoid,
        "tanh": np.tanh,
    }
    if kind not in plain:
        raise unsupported_error(f"the activation {kind}")
    return plain[kind](x[0])


def _with_constant(
    function: Callable[[Array, Array], Array], x: Sequence[Array], constant: float
) -> Array:
    """Apply a layer whose second operand is a parameter if it has one input."""
    if len(x) == 1:
        return np.asarray(function(x[0], np.asarray(constant, np.float32)))
    result = x[0]
    for other in x[1:]:
        result = function(result, other)
    return np.asarray(result)


def _less(p: Any, x: Sequence[Array]) -> Array:
    return np.asarray(_with_constant(np.less, x, p.alpha), np.float32)


def _greater(p: Any, x: Sequence[Array]) -> Array:
    return np.asarray(_with_constant(np.greater, x, p.alpha), np.float32)


def _concat_channels(p: Any, x: Sequence[Array]) -> Array:
    if p.sequenceConcat:
        raise unsupported_error("a concatenation of sequences")
    return np.concatenate(list(x), axis=-3)


def _reshape(p: Any, x: Sequence[Array]) -> Array:
    return OPERATIONS["reshape"]({"x": x[0], "shape": list(p.targetShape)})[0]


def _concat(p: Any, x: Sequence[Array]) -> Array:
    if p.interleave:
        raise unsupported_error("an interleaved concat")
    return np.concatenate(list(x), axis=p.axis)


def _split(p: Any, x: Sequence[Array]) -> list[Array]:
    if len(p.splitSizes):
        return np.split(x[0], np.cumsum([int(n) for n in p.splitSizes])[:-1], axis=p.axis)
    return np.split(x[0], int(p.numSplits), axis=p.axis)


def _scatter(p: Any, x: Sequence[Array]) -> Array:
    modes = {0: "update", 1: "add"}
    return tensors.scatter(x[0], x[1], x[2], p.axis, modes.get(p.mode, str(p.mode)))


def _slice(p: Any, x: Sequence[Array]) -> Array:
    # This old layer numbers the last three axes from the front.
    axis = {0: -3, 1: -2, 2: -1}[p.axis]
    if p.endIndex < 0 or p.stride < 1:
        raise unsupported_error("slices with a negative end")
    where: list[Any] = [slice(None)] * x[0].ndim
    where[axis] = slice(int(p.startIndex), int(p.endIndex), int(p.stride))
    return np.asarray(x[0][tuple(where)])


def _slice_static(p: Any, x: Sequence[Array]) -> Array:
    masks = [list(p.beginMasks), list(p.endMasks), list(p.squeezeMasks)]
    begins = [int(n) for n in p.beginIds]
    begin, end, squeeze = (mask or [False] * len(begins) for mask in masks)
    return tensors.slice_by_index(
        x[0], begins, [int(n) for n in p.endIds], [int(n) for n in p.strides], begin, end, squeeze
    )


def _fill_dynamic(p: Any, x: Sequence[Array]) -> Array:
    shape = [int(n) for n in x[0].ravel()]
    check_size(float(np.prod(shape, dtype=float)))
    return np.full(shape, p.value, np.float32)


def _range_dynamic(p: Any, x: Sequence[Array]) -> Array:
    if len(x) > 1:
        raise unsupported_error("ranges with a start")
    start, end, step = p.startValue, float(x[0].reshape(())), p.stepSizeValue
    check_size(abs((end - start) / step))
    return np.arange(start, end, step, dtype=np.float32)


def _tile(p: Any, x: Sequence[Array]) -> Array:
    return OPERATIONS["tile"]({"x": x[0], "reps": [int(n) for n in p.reps]})[0]


def _reduce_sum(p: Any, x: Sequence[Array]) -> Array:
    axes = None if p.reduceAll else tuple(int(n) for n in p.axes)
    return np.asarray(np.sum(x[0], axis=axes, keepdims=bool(p.keepDims)))


def _squeeze(p: Any, x: Sequence[Array]) -> Array:
    return np.squeeze(x[0], None if p.squeezeAll else tuple(int(n) for n in p.axes))


def _batched_matmul(p: Any, x: Sequence[Array]) -> Array:
    if len(x) != 2:
        raise unsupported_error("batchedMatmul with weights")
    return OPERATIONS["matmul"](
        {"x": x[0], "y": x[1], "transpose_x": p.transposeA, "transpose_y": p.transposeB}
    )[0]


Layer = Callable[[Any, Sequence[Array]], Any]

LAYERS: dict[str, Layer] = {
    "activation": _activation,
    "add": lambda p, x: _with_constant(np.add, x, p.alpha),
    "addBroadcastable": lambda p, x: x[0] + x[1],
    "batchedMatmul": _batched_matmul,
    "clip": lambda p, x: np.clip(x[0], np.float32(p.minVal), np.float32(p.maxVal)),
    "concat": _concat_channels,
    "concatND": _concat,
    "copy": lambda p, x: x[0],
    "expandDims": lambda p, x: np.expand_dims(x[0], tuple(int(n) for n in p.axes)),
    "fillDynamic": _fill_dynamic,
    "gather": lambda p, x: np.take(x[0], x[1].astype(np.int64), axis=p.axis),
    "gatherND": lambda p, x: tensors.gather_nd(x[0], x[1]),
    "getShape": lambda p, x: np.array(x[0].shape, np.float32),
    "greaterThan": _greater,
    "lessThan": _less,
    "maxBroadcastable": lambda p, x: np.maximum(x[0], x[1]),
    "minBroadcastable": lambda p, x: np.minimum(x[0], x[1]),
    "multiply": lambda p, x: _with_constant(np.multiply, x, p.alpha),
    "multiplyBroadcastable": lambda p, x: x[0] * x[1],
    "rangeDynamic": _range_dynamic,
    "reduceSum": _reduce_sum,
    "reshapeStatic": _reshape,
    "scatter": _scatter,
    "slice": _slice,
    "sliceStatic": _slice_static,
    "softmax": lambda p, x: softmax(x[0], -3),
    "softmaxND": lambda p, x: softmax(x[0], p.axis),
    "splitND": _split,
    "squeeze": _squeeze,
    "stack": lambda p, x: np.stack(list(x), axis=p.axis),
    "subtractBroadcastable": lambda p, x: x[0] - x[1],
    "tile": _tile,
    "transpose": lambda p, x: np.transpose(x[0], [int(n) for n in p.axes]),
}


def _constant(p: Any, x: Sequence[Array], unpack: Unpack) -> Array:
    return unpack(p.data, [int(n) for n in p.shape])


def _inner_product(p: Any, x: Sequence[Array], unpack: Unpack) -> Array:
    if p.int8DynamicQuantize:
        raise unsupported_error("inner products in int8")
    y = x[0] @ unpack(p.weights, (int(p.outputChannels), int(p.inputChannels))).T
    return np.asarray(y + unpack(p.bias, (int(p.outputChannels),)) if p.hasBias else y)


def _convolution(p: Any, x: Sequence[Array], unpack: Unpack) -> Array:
    borders = p.valid.paddingAmounts.borderAmounts
    plain = (
        all(n == 1 for name in ("kernelSize", "stride", "dilationFactor") for n in getattr(p, name))
        and p.nGroups in (0, 1)
        and not p.isDeconvolution
        and p.WhichOneof("ConvolutionPaddingType") == "valid"
        and not any(b.startEdgeSize or b.endEdgeSize for b in borders)
        and len(x) == 1
    )
    if not plain:
        raise unsupported_error("convolutions other than 1x1")
    n = int(p.outputChannels)
    bias = unpack(p.bias, (n,)) if p.hasBias else None
    matrix = unpack(p.weights, (n, int(p.kernelChannels), 1, 1))
    return arithmetic.pointwise(x[0], matrix[:, :, 0, 0], bias)


#: The order in which the gates of Core ML's LSTM are concatenated.
_GATES = ("inputGate", "forgetGate", "outputGate", "blockInput")


def _lstm(p: Any, x: Sequence[Array], unpack: Unpack) -> list[Array]:
    kinds = [a.WhichOneof("NonlinearityType") for a in p.activations]
    params, weights = p.params, p.weightParams
    if kinds != ["sigmoid", "tanh", "tanh"]:
        raise unsupported_error(f"an LSTM with the activations {kinds}")
    if params.hasPeepholeVectors or params.coupledInputAndForgetGate or p.reverseInput:
        raise unsupported_error("an LSTM with peepholes, coupled gates or reversed input")
    n, width = int(p.outputVectorSize), int(p.inputVectorSize)

    def joined(what: str, shape: Sequence[int]) -> Array:
        return np.concatenate([unpack(getattr(weights, gate + what), shape) for gate in _GATES])

    bias = joined("BiasVector", (n,)) if params.hasBiasVectors else np.zeros(4 * n, np.float32)
    if params.forgetBias:
        bias[n : 2 * n] += 1.0
    steps = (*x[0].shape[:2], width)
    states = [array.reshape(-1, n) for array in x[1:3]]
    ys, h, c = arithmetic.lstm(
        x[0].reshape(steps),
        states[0],
        states[1],
        joined("WeightMatrix", (n, width)),
        joined("RecursionMatrix", (n, n)),
        bias,
        params.cellClipThreshold or None,
    )
    if not params.sequenceOutput:
        ys = ys[-1:]
    return [ys[:, :, :, None, None]] + [a[None, :, :, None, None] for a in (h, c)]


WEIGHTED_LAYERS: dict[str, Callable[[Any, Sequence[Array], Unpack], Any]] = {
    "convolution": _convolution,
    "innerProduct": _inner_product,
    "loadConstantND": _constant,
    "uniDirectionalLSTM": _lstm,
}


def stored_weights(layer: Any) -> Iterator[tuple[Any, tuple[int, ...]]]:
    """Yield the ``WeightParams`` messages of one of `WEIGHTED_LAYERS`, with their shapes."""
    kind = layer.WhichOneof("layer")
    p = getattr(layer, kind)
    if kind == "loadConstantND":
        yield p.data, tuple(int(n) for n in p.shape)
    elif kind == "innerProduct":
        yield p.weights, (int(p.outputChannels), int(p.inputChannels))
    elif kind == "convolution":
        yield p.weights, (int(p.outputChannels), int(p.kernelChannels), 1, 1)
    if kind in ("innerProduct", "convolution") and p.hasBias:
        yield p.bias, (int(p.outputChannels),)
    if kind == "uniDirectionalLSTM":
        n, width = int(p.outputVectorSize), int(p.inputVectorSize)
        shapes = {"WeightMatrix": (n, width), "RecursionMatrix": (n, n), "BiasVector": (n,)}
        if not p.params.hasBiasVectors:
            del shapes["BiasVector"]
        for what, shape in shapes.items():
            for gate in _GATES:
                yield getattr(p.weightParams, gate + what), shape
