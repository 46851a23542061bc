"""Core ML models for tests: networks with one error, and speech-like audio."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any, Callable

import numpy as np

from streamer.acoustic.weights import Weights


def speech_like(seconds: float = 1.6, seed: int = 0) -> Any:
    """A hum of varying pitch and loudness, with noise; float32 (n,), 16 kHz."""
    random = np.random.default_rng(seed)
    t = np.arange(int(seconds * 16000)) / 16000
    pitch = 120 + 40 * np.sin(2 * np.pi * 1.7 * t)
    phase = 2 * np.pi * np.cumsum(pitch) / 16000
    voice = sum(np.sin(k * phase) / k for k in range(1, 12))
    loud = 0.2 * np.clip(np.sin(2 * np.pi * 2.3 * t), 0.02, 1)
    return (loud * voice + 0.003 * random.standard_normal(len(t))).astype(np.float32)


def with_layer(weights: Weights, name: str, change: Callable[[Any], Any]) -> Weights:
    """The same network with one layer changed."""
    layers: dict[str, Any] = dict(weights.layers)
    layers[name] = np.ascontiguousarray(change(layers[name].copy()), np.float32)
    return dataclasses.replace(weights, layers=layers)


def swap_gates(kernel: Any) -> Any:
    """An LSTM's kernel with input and forget gate swapped: the wrong gate order."""
    i, j, f, o = np.split(kernel, 4, axis=-1)
    return np.concatenate([f, j, i, o], axis=-1)


def drop(array: Any) -> Any:
    """Zeros of the same shape: a missing bias."""
    return np.zeros_like(array)


def with_clip(weights: Weights, clip: float) -> Weights:
    """The same network with another upper bound of its hidden layers."""
    return dataclasses.replace(weights, description={**weights.description, "relu_clip": clip})


def edit_program(path: Path, change: Callable[[Any], None]) -> None:
    """Change the specification inside a package."""
    from coremltools.proto import Model_pb2

    manifest = json.loads((path / "Manifest.json").read_text(encoding="utf-8"))
    item = manifest["itemInfoEntries"][manifest["rootModelIdentifier"]]["path"]
    file = path / "Data" / item
    spec = Model_pb2.Model()
    spec.ParseFromString(file.read_bytes())
    function = spec.mlProgram.functions["main"]
    change(function.block_specializations[function.opset])
    file.write_bytes(spec.SerializeToString())
