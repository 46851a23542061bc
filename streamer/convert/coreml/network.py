"""Builds the acoustic network as a MIL program, in three shapes.

``lstm``
    MIL's ``lstm`` operation over all steps: few operations, small and fast on
    CPU and GPU.
``unrolled``
    The steps unrolled, for the Neural Engine, which does not run ``lstm``.
    Following Apple's principles for it, all tensors are 4-D, channels first
    (1, channels, 1, steps), products are 1x1 convolutions, and one convolution
    covers the inputs of all steps. Each step reads the recurrent matrix once and
    has eleven operations. No loop, gather or scatter.
``stateful``
    The unrolled steps with c and h kept inside the model (``StateType``,
    macOS 15), so that they are not copied for every window.

In float16 the window and the probabilities are float16 in the file, too; c and h
are float32 between windows, except in ``stateful``, whose states are float16.

The short window at the end of a stream has fewer steps than the model. Its
padding does not change the probabilities of the real steps, since an LSTM looks
back only, and the next stream begins with c = h = 0. With ``input_lengths``
the output states are those after the last real step, as in
DeepSpeech's own graph. They are selected with a mask of clipped differences,
since comparisons and gathers would not run on the accelerator.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from streamer.acoustic.contract import (
    INPUT_LENGTHS,
    INPUT_NODE,
    LOGITS,
    NEW_C,
    NEW_H,
    PREVIOUS_C,
    PREVIOUS_H,
)
from streamer.arrays import Array
from streamer.convert.imports import import_coremltools

if TYPE_CHECKING:
    from streamer.acoustic.weights import Weights


#: Names of the states of a ``stateful`` model, c first.
STATE_NAMES = ("state_c", "state_h")

# A step past the end adds this to the forget gate and subtracts it from the input gate. Far
# larger than any sum of weights and states, and still exact in float16.
_HOLD = 1024.0

# Largest mask value: float16 ends at 65504.
_MAX_MASK = 30000.0


class _Layers:
    """The weights in Core ML's layout: (outputs, inputs), LSTM gates in the order i, f, o, z.

    Args:
        weights: the network.
        dtype: type of the computation, ``fp32`` or ``fp16``. coremltools' own conversion to
            float16 skips ``lstm``, so the program is built in float16.
    """

    def __init__(self, weights: Weights, dtype: str) -> None:
        layers = weights.layers
        self.dtype = dtype
        self.number = np.dtype(np.float16 if dtype == "fp16" else np.float32).type
        self.clip = weights.relu_clip
        self.n_hidden = weights.n_hidden
        self.n_labels = weights.n_labels
        self.groups = weights.groups
        self.n_input = weights.n_input
        self.width = 2 * weights.n_context + 1
        self.dense = {
            name: (self._rows(layers[f"{name}/weights"]), self._stored(layers[f"{name}/bias"]))
            for name in ("layer_1", "layer_2", "layer_3", "layer_5", "layer_6")
        }
        i, j, f, o = np.split(layers["lstm/bias"], 4)
        # TensorFlow adds forget_bias at run time; here it is part of the bias.
        f = f + np.float32(weights.forget_bias)
        self.lstm_bias = self._stored(np.concatenate([i, f, o, j]))
        i, j, f, o = np.split(layers["lstm/kernel"], 4, axis=1)
        ordered = np.concatenate([i, f, o, j], axis=1)
        self.lstm_input = self._rows(ordered[: self.n_hidden])
        self.lstm_recurrent = self._rows(ordered[self.n_hidden :])

    def _stored(self, array: Array) -> Array:
        largest = np.finfo(self.number).max
        return np.clip(array, -largest, largest).astype(self.number)

    def _rows(self, matrix: Array) -> Array:
        return np.ascontiguousarray(self._stored(matrix).T)


def build_program(
    weights: Weights,
    n_steps: Any,
    shape: str,
    lengths: bool,
    dtype: str,
    target: Any,
) -> Any:
    """Build the network as a MIL program.

    Args:
        weights: the network.
        n_steps: steps in a window, 1 to `options.MAX_STEPS`; or a symbol, for a window of any
            number of steps, of an ``lstm`` without ``lengths``.
        shape: one of `options.SHAPES`.
        lengths: whether the model has the input ``input_lengths``.
        dtype: type of the computation, of ``input_node`` and of ``logits``, ``fp32`` or ``fp16``.
        target: oldest system to support, see `deployment_target`.

    Returns:
        A ``coremltools.converters.mil.Program``. Inputs ``input_node`` (1, n_steps,
        2 n_context + 1, n_input), ``input_lengths`` int32 (1,), ``previous_state_c``
        and ``previous_state_h`` float32 (1, N); outputs ``logits`` (n_steps, 1,
        n_labels), which are probabilities,
        ``new_state_c`` and ``new_state_h``. A ``stateful`` program has states
        `STATE_NAMES` float16 (1, N) in place of the last two of either.
    """
    import_coremltools()
    from coremltools.converters.mil.mil import Builder as mb  # noqa: N813
    from coremltools.converters.mil.mil import Function, Program, types

    layers = _Layers(weights, dtype)
    n = layers.n_hidden
    names = [INPUT_NODE]
    window_type = types.fp16 if dtype == "fp16" else types.fp32
    specs = [mb.TensorSpec((1, n_steps, layers.width, layers.n_input), dtype=window_type)]
    if lengths:
        names.append(INPUT_LENGTHS)
        specs.append(mb.TensorSpec((1,), dtype=types.int32))
    if shape == "stateful":
        names.extend(STATE_NAMES)
        specs.extend([mb.StateTensorSpec((1, n), dtype=types.fp16) for _ in range(2)])
    else:
        names.extend([PREVIOUS_C, PREVIOUS_H])
        specs.extend([mb.TensorSpec((1, n)) for _ in range(2)])
    body = _lstm_body if shape == "lstm" else _unrolled_body

    def network(*inputs: Any) -> tuple[Any, ...]:
        given = dict(zip(names, inputs))
        length = mb.cast(x=given[INPUT_LENGTHS], dtype=dtype) if lengths else None
        if shape == "stateful":
            before = [mb.read_state(input=given[name]) for name in STATE_NAMES]
        else:
            before = [given[PREVIOUS_C], given[PREVIOUS_H]]
        c, h = (mb.cast(x=value, dtype=dtype) for value in before)
        logits, new_c, new_h = body(mb, layers, n_steps, given[INPUT_NODE], length, c, h)
        if shape != "stateful":
            return (
                logits,
                mb.cast(x=mb.reshape(x=new_c, shape=(1, n)), dtype="fp32", name=NEW_C),
                mb.cast(x=mb.reshape(x=new_h, shape=(1, n)), dtype="fp32", name=NEW_H),
            )
        # Each value right before its update: a pass of coremltools 9 fails on any other order.
        for name, value in zip(STATE_NAMES, (new_c, new_h)):
            value = mb.cast(x=mb.reshape(x=value, shape=(1, n)), dtype="fp16")
            mb.coreml_update_state(state=given[name], value=value)
        return (logits,)

    # As mb.program does, which takes the input names from a function's source.
    program = Program()
    with Function(dict(zip(names, specs)), target) as function:
        function.set_outputs(list(network(*(function.inputs[name] for name in names))))
    program.add_function("main", function)
    return program


def deployment_target(ct: Any, shape: str, precision: str) -> Any:
    """Return the oldest system that supports a shape in a precision.

    macOS 15 has states and palettes for groups of channels, macOS 14 an ``lstm`` in float16,
    macOS 13 float16 inputs and int8 weights.
    """
    if shape == "stateful" or precision.startswith("palette"):
        return ct.target.iOS18
    return ct.target.iOS17 if shape == "lstm" and precision != "fp32" else ct.target.iOS16


def _lstm_body(
    mb: Any, layers: _Layers, n_steps: Any, window: Any, length: Any, c: Any, h: Any
) -> tuple[Any, Any, Any]:
    def dense(x: Any, name: str, clip: bool = True) -> Any:
        matrix, bias = layers.dense[name]
        x = mb.linear(x=x, weight=matrix, bias=bias, name=name)
        return mb.clip(x=x, alpha=layers.number(0), beta=layers.number(layers.clip)) if clip else x

    steps = n_steps if isinstance(n_steps, int) else -1
    x = mb.reshape(x=window, shape=(steps, layers.width * layers.n_input))
    for name in ("layer_1", "layer_2", "layer_3"):
        x = dense(x, name)
    x = mb.expand_dims(x=x, axes=[1])
    matrix = layers.lstm_input
    if length is not None:
        # An extra input: 0 in real steps, and past the end so large that the forget gate is 1
        # and the input gate 0, so that c does not change. The column's weights are no larger
        # than the others, so that they do not affect per-channel quantisation.
        real = _real_steps(mb, layers, length, n_steps, (n_steps, 1, 1))
        size = layers.number(max(float(np.abs(matrix).max()), 1e-3))
        mask = layers.number(min(_HOLD / float(size), _MAX_MASK))
        past = mb.mul(x=mb.sub(x=layers.number(1), y=real), y=mask)
        x = mb.concat(values=[mb.mul(x=x, y=real), past], axis=2)
        n = layers.n_hidden
        column = np.zeros((4 * n, 1), layers.number)
        column[:n], column[n : 2 * n] = -size, size
        matrix = np.concatenate([matrix, column], axis=1)
    ys, last_h, last_c = mb.lstm(
        x=x,
        initial_h=h,
        initial_c=c,
        weight_ih=matrix,
        weight_hh=layers.lstm_recurrent,
        bias=layers.lstm_bias,
        direction="forward",
        output_sequence=True,
        recurrent_activation="sigmoid",
        cell_activation="tanh",
        activation="tanh",
        name="lstm",
    )
    if length is not None:
        picked = _last_real_step(mb, layers, length, n_steps, (n_steps, 1, 1))
        last_h = mb.reduce_sum(x=mb.mul(x=ys, y=picked), axes=[0], keep_dims=False)
    y = dense(ys, "layer_5")
    y = dense(y, "layer_6", clip=False)
    return _probabilities(mb, layers, y, axis=-1, name=LOGITS), last_c, last_h


def _unrolled_body(
    mb: Any, layers: _Layers, n_steps: int, window: Any, length: Any, c: Any, h: Any
) -> tuple[Any, Any, Any]:
    n = layers.n_hidden

    def product(x: Any, matrix: Array, bias: Any, name: str) -> Any:
        arguments = {} if bias is None else {"bias": bias}
        return mb.conv(x=x, weight=matrix[:, :, None, None], name=name, **arguments)

    def dense(x: Any, name: str) -> Any:
        matrix, bias = layers.dense[name]
        x = product(x, matrix, bias, name)
        return mb.clip(x=x, alpha=layers.number(0), beta=layers.number(layers.clip))

    x = mb.reshape(x=window, shape=(1, 1, n_steps, layers.width * layers.n_input))
    x = mb.transpose(x=x, perm=(0, 3, 1, 2))
    for name in ("layer_1", "layer_2", "layer_3"):
        x = dense(x, name)
    gates_of_inputs = product(x, layers.lstm_input, layers.lstm_bias, "lstm_input")
    per_step = _split(mb, gates_of_inputs, n_steps, axis=3)
    recurrent = mb.const(val=layers.lstm_recurrent[:, :, None, None], name="lstm_recurrent")
    c = mb.reshape(x=c, shape=(1, n, 1, 1))
    h = mb.reshape(x=h, shape=(1, n, 1, 1))
    cells: list[Any] = []
    hiddens: list[Any] = []
    for step, from_input in enumerate(per_step):
        gates = mb.add(x=from_input, y=mb.conv(x=h, weight=recurrent, name=f"step_{step}"))
        # One sigmoid for three gates, whose rows lie together.
        open_by, z = mb.split(x=gates, split_sizes=[3 * n, n], axis=1)
        i, f, o = mb.split(x=mb.sigmoid(x=open_by), num_splits=3, axis=1)
        c = mb.add(x=mb.mul(x=f, y=c), y=mb.mul(x=i, y=mb.tanh(x=z)))
        h = mb.mul(x=o, y=mb.tanh(x=c))
        cells.append(c)
        hiddens.append(h)
    sequence = _concat(mb, hiddens)
    if length is not None:
        picked = _last_real_step(mb, layers, length, n_steps, (1, 1, 1, n_steps))
        c = mb.reduce_sum(x=mb.mul(x=_concat(mb, cells), y=picked), axes=[3], keep_dims=True)
        h = mb.reduce_sum(x=mb.mul(x=sequence, y=picked), axes=[3], keep_dims=True)
    y = dense(sequence, "layer_5")
    y = _probabilities(mb, layers, product(y, *layers.dense["layer_6"], "layer_6"), axis=1)
    logits = mb.transpose(x=mb.squeeze(x=y, axes=[2]), perm=(2, 0, 1), name=LOGITS)
    return logits, c, h


def _probabilities(mb: Any, layers: _Layers, x: Any, axis: int, **named: str) -> Any:
    """Return the softmax along an axis, separately for letters and phonemes."""
    if len(layers.groups) == 1:
        return mb.softmax(x=x, axis=axis, **named)
    parts = mb.split(x=x, split_sizes=list(layers.groups), axis=axis)
    return mb.concat(values=[mb.softmax(x=part, axis=axis) for part in parts], axis=axis, **named)


def _split(mb: Any, x: Any, parts: int, axis: int) -> Sequence[Any]:
    return [x] if parts == 1 else list(mb.split(x=x, num_splits=parts, axis=axis))


def _concat(mb: Any, values: list[Any]) -> Any:
    return values[0] if len(values) == 1 else mb.concat(values=values, axis=3)


def _real_steps(
    mb: Any, layers: _Layers, length: Any, n_steps: int, shape: tuple[int, ...], first: int = 0
) -> Any:
    """Return 1 for the steps before ``length - first`` and 0 for the others, in ``shape``."""
    steps = np.arange(first, first + n_steps, dtype=layers.number).reshape(shape)
    return mb.clip(x=mb.sub(x=length, y=steps), alpha=layers.number(0), beta=layers.number(1))


def _last_real_step(
    mb: Any, layers: _Layers, length: Any, n_steps: int, shape: tuple[int, ...]
) -> Any:
    """Return 1 for step ``length - 1`` and 0 for the others, in ``shape``."""
    real = _real_steps(mb, layers, length, n_steps, shape)
    return mb.sub(x=real, y=_real_steps(mb, layers, length, n_steps, shape, first=1))
