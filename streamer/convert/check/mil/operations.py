"""The table of MIL operations, filled in by the modules beside this one.

Floating-point arrays are float32 whatever type the program declares; the
caller rounds results to the declared type. Arguments are NumPy arrays, strings
and lists of arrays, under the names of the MIL specification.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Callable

import numpy as np

from streamer.arrays import Array
from streamer.errors import ConversionError

Arguments = Mapping[str, Any]


Operation = Callable[[Arguments], Sequence[Array]]


#: Upper bound for a tensor; a damaged file may declare any size.
MAX_ELEMENTS = 1 << 28


#: The operations by name.
OPERATIONS: dict[str, Operation] = {}


def unsupported_error(what: str) -> ConversionError:
    """Return the error for a feature that the checker cannot evaluate."""
    return ConversionError(f"the checker does not support {what}", "test this model on macOS")


def operation(*names: str) -> Callable[[Callable[[Arguments], Any]], Operation]:
    """Decorate a function as the operation of these names; it returns an array or a list."""

    def register(function: Callable[[Arguments], Any]) -> Operation:
        def run(a: Arguments) -> Sequence[Array]:
            result = function(a)
            return result if isinstance(result, list) else [result]

        for name in names:
            OPERATIONS[name] = run
        return run

    return register


def number(a: Arguments, name: str, default: Any | None = None) -> Any:
    """Return a scalar argument as a Python number."""
    value = a.get(name)
    if value is None:
        return default
    array = np.asarray(value)
    if array.size != 1:
        raise ValueError(f"{name} is not a scalar")
    return array.reshape(()).item()


def numbers(a: Arguments, name: str) -> list[int]:
    """Return an integer argument as a list."""
    return [int(n) for n in np.asarray(a[name]).ravel()]


def check_size(count: float) -> None:
    """Check that a tensor has at most `MAX_ELEMENTS`.

    Raises:
        ConversionError: it is larger.
    """
    if not 0 <= count <= MAX_ELEMENTS:
        raise unsupported_error(f"tensors of {count:.0f} elements")
