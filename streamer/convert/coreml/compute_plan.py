"""Core ML's plan: the device of each layer, on macOS 14.4 and later."""

from __future__ import annotations

import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from streamer.convert.imports import import_coremltools
from streamer.errors import ConversionError

#: Names of devices by coremltools' class names.
DEVICES = {
    "MLCPUComputeDevice": "CPU",
    "MLGPUComputeDevice": "GPU",
    "MLNeuralEngineComputeDevice": "Neural Engine",
}


def planned_devices(compiled: Path, compute_units: str) -> str:
    """Return a summary of the layers that Core ML runs on each device.

    Args:
        compiled: the compiled network, ``.mlmodelc``.
        compute_units: processors that Core ML may use, in coremltools' spelling.

    Returns:
        A text like "Neural Engine 12 (linear 5, relu 4, ...), CPU 1 (lstm)", or the reason
        why this macOS or coremltools cannot tell.
    """
    try:
        import coremltools
        from coremltools.models.compute_plan import MLComputePlan

        units = getattr(coremltools.ComputeUnit, compute_units)
        return describe_plan(MLComputePlan.load_from_path(str(compiled), units))
    except Exception as error:  # coremltools raises plain exceptions where macOS is too old
        return f"not available on this macOS or coremltools ({error})"


def plan_of_model(path: Path, compute_units: str) -> str | None:
    """Compile a model and return `planned_devices` for it.

    Args:
        path: a ``.mlmodel`` or ``.mlpackage``.
        compute_units: see `planned_devices`.

    Returns:
        See `planned_devices`; None if this is not macOS.

    Raises:
        ConversionError: Core ML cannot compile the model.
    """
    if sys.platform != "darwin":
        return None
    with tempfile.TemporaryDirectory() as folder:
        try:
            compiled = import_coremltools().models.utils.compile_model(
                str(path), str(Path(folder) / "model.mlmodelc")
            )
        except Exception as error:  # coremltools raises plain exceptions
            detail = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
            raise ConversionError(
                f"Core ML cannot compile {path}: {detail}", "convert it again"
            ) from error
        return planned_devices(Path(compiled), compute_units)


def describe_plan(plan: Any) -> str:
    """Return a plan as text; see `planned_devices`.

    Args:
        plan: a ``coremltools.models.compute_plan.MLComputePlan``.
    """
    by_device: dict[str, Counter[str]] = {}
    for layer, usage in _layers(plan):
        if usage is None:  # constants run nowhere
            continue
        device = type(usage.preferred_compute_device).__name__
        by_device.setdefault(DEVICES.get(device, device), Counter())[layer] += 1
    parts = []
    for device, layers in by_device.items():
        kinds = ", ".join(f"{name} {n}" if n > 1 else name for name, n in layers.most_common())
        parts.append(f"{device} {sum(layers.values())} ({kinds})")
    return ", ".join(parts) if parts else "not available on this macOS"


def _layers(plan: Any) -> Iterator[tuple[str, Any]]:
    """Yield the type and the planned device usage of each layer."""
    structure = plan.model_structure
    if structure.program is not None:
        functions = structure.program.functions
        # Of a package of several functions, any one tells where such layers run.
        function = functions.get("main") or next(iter(functions.values()))
        for operation in function.block.operations:
            kind = operation.operator_name.rpartition(".")[2]  # "ios16.linear"
            yield kind, plan.get_compute_device_usage_for_mlprogram_operation(operation)
    elif structure.neuralnetwork is not None:
        for layer in structure.neuralnetwork.layers:
            yield layer.type, plan.get_compute_device_usage_for_neuralnetwork_layer(layer)
