"""The part of coremltools that runs models, behind an interface that tests can replace."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any, Protocol

from streamer.arrays import Array
from streamer.errors import ModelError, UsageError

#: Processors that Core ML may use, in coremltools' spelling.
COMPUTE_UNITS = ("CPU_ONLY", "CPU_AND_GPU", "CPU_AND_NE", "ALL")
#: Waking the GPU takes longer than running these networks.
DEFAULT_COMPUTE_UNITS = "CPU_AND_NE"


def check_compute_units(name: str) -> None:
    """Check the name of compute units, on every system.

    Raises:
        UsageError: there are no such ones.
    """
    if name not in COMPUTE_UNITS:
        raise UsageError(f"unknown compute units {name}", f"use one of {', '.join(COMPUTE_UNITS)}")


class CompiledModel(Protocol):
    """The methods of coremltools' ``CompiledMLModel`` that are used."""

    def predict(self, data: dict[str, Array], state: Any = None) -> Mapping[str, Array]:
        """Run the network once."""
        ...

    def make_state(self) -> Any:
        """Create an ``MLState``: ``read_state(name)``, ``write_state(name, value)``."""
        ...


class Runtime(Protocol):
    """The functions of coremltools that are used, with coremltools' own signatures."""

    ComputeUnit: Any

    def load_spec(self, model_path: str) -> Any:
        """Return the protobuf description of an ``.mlmodel`` or ``.mlpackage``."""
        ...

    def compile_model(self, model: str, destination_path: str) -> str:
        """Compile an ``.mlmodel`` or ``.mlpackage`` to a ``.mlmodelc``."""
        ...

    def CompiledMLModel(  # noqa: N802
        self, path: str, compute_units: Any, function_name: str | None = None
    ) -> CompiledModel:
        """Load a ``.mlmodelc``."""
        ...


class CoreMLTools:
    """`Runtime` by coremltools.

    Raises:
        ModelError: this is not macOS, or coremltools is not installed.
    """

    def __init__(self) -> None:
        if sys.platform != "darwin":
            raise ModelError(
                "Core ML networks run on macOS only", "use --backend onnx on this machine"
            )
        try:
            import coremltools
        except ImportError as error:
            raise ModelError(
                "the package coremltools is not installed", "pip install coremltools"
            ) from error
        self.ComputeUnit: Any = coremltools.ComputeUnit
        self.load_spec: Any = coremltools.models.utils.load_spec
        self.compile_model: Any = coremltools.models.utils.compile_model
        self.CompiledMLModel: Any = coremltools.models.CompiledMLModel
