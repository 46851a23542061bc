"""Evaluates ML programs from the file's protobuf message."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from streamer.arrays import Array
from streamer.convert.check.evaluator import Constant, States, as_float64, checked_inputs
from streamer.convert.check.mil import OPERATIONS
from streamer.convert.check.mil.compression import unpack_bits
from streamer.convert.check.mil.operations import check_size, unsupported_error
from streamer.convert.check.stored_precision import operation_precision
from streamer.convert.coreml.model_file import BlobFile, ModelFile, inside, invalid_model_error
from streamer.errors import ConversionError

#: Upper bound for a loop; these models have one iteration a step.
_MAX_ITERATIONS = 100_000

#: Prefix of weight file names, which are relative to the specification.
_BLOB_PREFIX = "@model_path/"


class _Type(NamedTuple):
    bits: int
    numpy: npt.DTypeLike


# By the numbers of the enumeration MIL.DataType.
_TYPES = {
    1: _Type(8, np.bool_),
    10: _Type(16, np.float16),
    11: _Type(32, np.float32),
    12: _Type(64, np.float64),
    21: _Type(8, np.int8),
    22: _Type(16, np.int16),
    23: _Type(32, np.int32),
    24: _Type(64, np.int64),
    31: _Type(8, np.uint8),
    32: _Type(16, np.uint16),
    33: _Type(32, np.uint32),
    34: _Type(64, np.uint64),
    35: _Type(4, np.uint8),
    36: _Type(2, np.uint8),
    37: _Type(1, np.uint8),
    38: _Type(6, np.uint8),
    39: _Type(3, np.uint8),
}
_STRING = 2
_FLOAT16 = 10

# Exceptions of NumPy calls whose arguments do not fit.
_MISFITS = (ValueError, IndexError, KeyError, TypeError, AttributeError, ZeroDivisionError)


class MilProgram:
    """An `Evaluator` for ML programs.

    Constants are read, and compressed weights decompressed, once.

    Args:
        model: a model of the kind ``mlprogram``.
    """

    def __init__(self, model: ModelFile) -> None:
        self._model = model
        self._blobs: dict[str, BlobFile] = {}
        functions = model.spec.mlProgram.functions
        name = model.function
        if (
            name not in functions
            or functions[name].opset not in functions[name].block_specializations
        ):
            raise invalid_model_error(model.path, f"its program has no function {name}")
        function = functions[name]
        self._block = function.block_specializations[function.opset]
        #: Type of all floats: the declared types are ignored if it is float64.
        self._float_type: npt.DTypeLike = np.float32
        self._constants: dict[str, Any] = {}
        self._precisions: dict[str, str] = {}
        self._read_constants(self._block)
        self._state_types = {
            value.name: value.type.stateType.wrappedType
            for value in function.inputs
            if value.type.WhichOneof("type") == "stateType"
        }

    def make_state(self) -> States:
        """See `Evaluator.make_state`."""
        return {
            name: np.zeros(_fixed_shape(kind.tensorType), self._float_type)
            for name, kind in self._state_types.items()
        }

    def predict(self, inputs: Mapping[str, Array], state: States | None = None) -> dict[str, Array]:
        """See `Evaluator.predict`."""
        if self._state_types and state is None:
            raise ConversionError(
                f"{self._model.path.name} has states", "pass the result of make_state()"
            )
        values: dict[str, Any] = dict(self._constants)
        values.update(checked_inputs(self._model, inputs, self._float_type))
        results = self._run(self._block, values, {} if state is None else state)
        return dict(zip(self._block.outputs, results))

    def constants(self) -> dict[str, Constant]:
        """See `Evaluator.constants`."""
        return {
            name: Constant(array, self._precisions[name])
            for name, array in self._constants.items()
            if isinstance(array, np.ndarray) and array.dtype == np.float32 and array.size > 1
        }

    def exact(self, replaced: Mapping[str, Array]) -> MilProgram:
        """See `Evaluator.exact`."""
        evaluator = copy.copy(self)
        evaluator._float_type = np.float64
        constants = {**self._constants, **replaced}
        evaluator._constants = {name: as_float64(value) for name, value in constants.items()}
        return evaluator

    # ------------------------------------------------------------------ running

    def _run(self, block: Any, values: dict[str, Any], state: States) -> list[Array]:
        for operation in block.operations:
            kind = operation.type
            if kind == "const" or kind.startswith("constexpr_"):
                continue
            try:
                if kind == "read_state":
                    results = [state[operation.inputs["input"].arguments[0].name].copy()]
                elif kind == "write_state":
                    self._write_state(operation, values, state)
                    continue
                elif kind == "while_loop":
                    results = self._loop(operation, values, state)
                elif kind == "cond":
                    taken = bool(self._arguments(operation, values)["pred"])
                    results = self._run(operation.blocks[0 if taken else 1], values, state)
                elif kind in OPERATIONS:
                    with np.errstate(over="ignore"):
                        results = list(OPERATIONS[kind](self._arguments(operation, values)))
                else:
                    raise unsupported_error(f"the operation {kind}")
            except _MISFITS as error:
                raise invalid_model_error(
                    self._model.path, f"{kind} {_name(operation)} does not fit: {error}"
                ) from error
            if len(results) != len(operation.outputs):
                raise invalid_model_error(
                    self._model.path, f"{kind} {_name(operation)} has the wrong number of outputs"
                )
            for output, result in zip(operation.outputs, results):
                values[output.name] = self._declared(output, result)
        try:
            return [values[name] for name in block.outputs]
        except KeyError as error:
            raise invalid_model_error(
                self._model.path, f"{error.args[0]} is never computed"
            ) from error

    def _loop(self, operation: Any, values: dict[str, Any], state: States) -> list[Array]:
        condition, body = operation.blocks
        carried = [values[b.name] for b in operation.inputs["loop_vars"].arguments]
        for _ in range(_MAX_ITERATIONS):
            scope = dict(values)
            scope.update((v.name, value) for v, value in zip(condition.inputs, carried))
            if not np.all(self._run(condition, scope, state)[0]):
                return carried
            scope = dict(values)
            scope.update((v.name, value) for v, value in zip(body.inputs, carried))
            carried = self._run(body, scope, state)
        raise unsupported_error(f"loops of more than {_MAX_ITERATIONS} iterations")

    def _write_state(self, operation: Any, values: dict[str, Any], state: States) -> None:
        name = operation.inputs["input"].arguments[0].name
        value = self._arguments(operation, values)["data"]
        if value.shape != state[name].shape:
            raise ValueError(f"{value.shape} is written to {name} of {state[name].shape}")
        state[name] = value

    def _arguments(self, operation: Any, values: dict[str, Any]) -> dict[str, Any]:
        arguments: dict[str, Any] = {}
        for name, argument in operation.inputs.items():
            bound = [
                self._value(b.value) if b.WhichOneof("binding") == "value" else values.get(b.name)
                for b in argument.arguments
                if b.name not in self._state_types
            ]
            if any(value is None for value in bound):
                raise ValueError(f"its argument {name} is never computed")
            arguments[name] = bound if name == "values" else bound[0] if bound else None
        return arguments

    def _declared(self, output: Any, result: Any) -> Array:
        """Return a result rounded to its declared type; its shape must match, too."""
        kind = output.type.tensorType
        if output.type.WhichOneof("type") != "tensorType" or kind.dataType not in _TYPES:
            raise unsupported_error(f"the type of {output.name}")
        array = np.asarray(result)
        dims = [
            d.constant.size if d.WhichOneof("dimension") == "constant" else None
            for d in kind.dimensions
        ]
        fits = len(dims) == array.ndim and all(d in (None, n) for d, n in zip(dims, array.shape))
        if not fits:
            raise invalid_model_error(
                self._model.path, f"{output.name} is declared as {dims} but has shape {array.shape}"
            )
        if self._float_type == np.float64 and np.issubdtype(array.dtype, np.floating):
            return array.astype(np.float64, copy=False)
        return _rounded(array, kind.dataType)

    # ---------------------------------------------------------------- constants

    def _read_constants(self, block: Any) -> None:
        for operation in block.operations:
            for nested in operation.blocks:
                self._read_constants(nested)
            kind = operation.type
            if kind != "const" and not kind.startswith("constexpr_"):
                continue
            given = {
                name: self._value(value)
                for name, value in operation.attributes.items()
                if name != "name"
            }
            try:
                given.update(self._arguments_of_constant(operation))
                if kind == "const":
                    result = given["val"]
                else:
                    if kind not in OPERATIONS:
                        raise unsupported_error(f"the operation {kind}")
                    result = self._declared(operation.outputs[0], OPERATIONS[kind](given)[0])
                output = operation.outputs[0].name
                self._constants[output] = result
                self._precisions[output] = (operation_precision(operation) or (32, "fp32"))[1]
            except _MISFITS as error:
                raise invalid_model_error(
                    self._model.path, f"{kind} {_name(operation)} does not fit: {error}"
                ) from error

    def _arguments_of_constant(self, operation: Any) -> dict[str, Any]:
        # Newer programs pass the parts of a compressed weight as inputs, older ones as attributes.
        arguments = {}
        for name, argument in operation.inputs.items():
            binding = argument.arguments[0]
            if binding.WhichOneof("binding") == "value":
                arguments[name] = self._value(binding.value)
            else:
                arguments[name] = self._constants[binding.name]
        return arguments

    def _value(self, value: Any) -> Any:
        """Return a constant: a string, or an array (floats as float32)."""
        if value.type.WhichOneof("type") != "tensorType":
            raise unsupported_error("constants other than tensors")
        kind = value.type.tensorType
        shape = _fixed_shape(kind)
        count = int(np.prod(shape, dtype=np.int64))
        if kind.dataType == _STRING:
            texts = list(value.immediateValue.tensor.strings.values)
            return texts[0] if not shape and texts else texts
        if kind.dataType not in _TYPES:
            raise unsupported_error(f"constants of the data type {kind.dataType}")
        data_type = _TYPES[kind.dataType]
        if value.WhichOneof("value") == "blobFileValue":
            raw: Any = self._blob(value.blobFileValue, data_type.bits, count)
        else:
            tensor = value.immediateValue.tensor
            field = tensor.WhichOneof("value")
            raw = None if field is None else getattr(tensor, field).values
        if isinstance(raw, bytes):
            if data_type.bits < 8:
                flat = unpack_bits(np.frombuffer(raw, np.uint8), data_type.bits, count)
            else:
                flat = np.frombuffer(raw, data_type.numpy)
        else:
            flat = np.array([] if raw is None else list(raw), data_type.numpy)
        if flat.size != count:
            raise invalid_model_error(
                self._model.path, "the size of a constant differs from its type"
            )
        return _rounded(flat.reshape(shape), kind.dataType)

    def _blob(self, value: Any, bits: int, count: int) -> bytes:
        name = value.fileName
        if name not in self._blobs:
            if not name.startswith(_BLOB_PREFIX):
                raise invalid_model_error(self._model.path, f"{name} is outside the package")
            self._blobs[name] = BlobFile(inside(self._model.root, name[len(_BLOB_PREFIX) :]))
        return self._blobs[name].read(value.offset, bits, count)


def _rounded(array: Array, data_type: int) -> Array:
    if data_type == _FLOAT16:
        with np.errstate(over="ignore"):
            return array.astype(np.float16).astype(np.float32)
    if data_type == 12:
        raise unsupported_error("float64")
    return array.astype(_TYPES[data_type].numpy, copy=False)


def _fixed_shape(kind: Any) -> tuple[int, ...]:
    shape = tuple(int(d.constant.size) for d in kind.dimensions)
    check_size(float(np.prod(shape, dtype=float)))
    return shape


def _name(operation: Any) -> str:
    return operation.outputs[0].name if len(operation.outputs) else ""
