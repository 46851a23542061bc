"""Core ML's plan as text; the plan itself needs a Mac."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from streamer.convert.coreml.compute_plan import describe_plan, planned_devices


class MLCPUComputeDevice:
    """Named as in coremltools."""


class MLNeuralEngineComputeDevice:
    """Named as in coremltools."""


def usage(device: object | None) -> Any | None:
    return None if device is None else SimpleNamespace(preferred_compute_device=device)


def program(*layers: Any) -> Any:
    """A plan with the names of ``MLComputePlan``; layers are pairs of type and device."""
    operations = [SimpleNamespace(operator_name=f"ios16.{k}", device=d) for k, d in layers]
    main = SimpleNamespace(block=SimpleNamespace(operations=operations))
    return SimpleNamespace(
        model_structure=SimpleNamespace(
            program=SimpleNamespace(functions={"main": main}), neuralnetwork=None
        ),
        get_compute_device_usage_for_mlprogram_operation=lambda o: usage(o.device),
    )


def test_layers_are_counted_by_device_and_kind() -> None:
    engine, cpu = MLNeuralEngineComputeDevice(), MLCPUComputeDevice()
    plan = program(
        ("const", None), ("linear", engine), ("relu", engine), ("linear", engine), ("lstm", cpu)
    )
    assert describe_plan(plan) == "Neural Engine 3 (linear 2, relu), CPU 1 (lstm)"


def test_a_neural_network_has_layers_too() -> None:
    layers = [SimpleNamespace(type="innerProduct", device=MLCPUComputeDevice())]
    plan = SimpleNamespace(
        model_structure=SimpleNamespace(program=None, neuralnetwork=SimpleNamespace(layers=layers)),
        get_compute_device_usage_for_neuralnetwork_layer=lambda layer: usage(layer.device),
    )
    assert describe_plan(plan) == "CPU 1 (innerProduct)"


def test_a_plan_that_tells_nothing_is_said_to() -> None:
    assert describe_plan(program(("const", None))) == "not available on this macOS"


@pytest.mark.skipif(sys.platform == "darwin", reason="a Mac may tell")
def test_where_it_is_not_told_the_reason_is() -> None:
    assert "not available on this macOS" in planned_devices(Path("x.mlmodelc"), "CPU_AND_NE")
