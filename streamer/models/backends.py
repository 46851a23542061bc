"""Loads a bundle's network with the backend for this machine."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from streamer.acoustic.contract import AcousticModel
from streamer.acoustic.coreml_runtime import DEFAULT_COMPUTE_UNITS, check_compute_units
from streamer.bundle.format import Bundle
from streamer.bundle.sums import check_sums
from streamer.bundle.validation import DESCRIPTION_FILE, FIX_BUNDLE
from streamer.errors import ModelError, UsageError

#: Steps in a window by latency, at most; None for those of the bundle. With 4 steps instead of 16
#: the probabilities of a frame are there up to 240 ms sooner, and the network runs four times as
#: often.
LATENCIES: Mapping[str, int | None] = MappingProxyType({"normal": None, "low": 4})


def load_acoustic_model(
    bundle: Bundle,
    backend: str = "auto",
    compute_units: str | None = None,
    latency: str = "normal",
) -> AcousticModel:
    """Load a network of a bundle.

    Args:
        bundle: the bundle.
        backend: see `Bundle.choose_network`. Of several networks for Core ML, the one that
            ``streamer bench --compute-units`` measured as the fastest here is preferred. ``auto``
            prints a warning and goes on with ONNX where Core ML fails, unless ``compute_units``
            are given, which only Core ML has.
        compute_units: for Core ML: ``CPU_ONLY``, ``CPU_AND_GPU``, ``CPU_AND_NE`` or ``ALL``;
            None for the fastest ones measured here, or `DEFAULT_COMPUTE_UNITS`.
        latency: one of `LATENCIES`. The probabilities are the same.

    Raises:
        UsageError: there is no such latency, or there are no such compute units.
        ModelError: there is no such network, it cannot be loaded, or its shapes differ from
            ``model.json``, as may be its SHA-256.
    """
    n_steps = _steps(bundle, latency)
    if compute_units is not None:
        check_compute_units(compute_units)
    kind, path = _measured_network(bundle, backend) or bundle.choose_network(backend)
    units = compute_units or _remembered_units(kind, path) or DEFAULT_COMPUTE_UNITS
    try:
        return _load_checked(bundle, kind, path, n_steps, units)
    except ModelError as error:
        if backend != "auto" or compute_units is not None or not _is_core_ml(kind):
            raise
        if not any(kind.startswith("onnx") for kind in bundle.networks):
            raise
        print(f"warning: {error.what}; ONNX Runtime runs the model instead", file=sys.stderr)
    return _load_checked(bundle, *bundle.choose_network("onnx"), n_steps, units)


def _load_checked(bundle: Bundle, kind: str, path: Path, n_steps: int, units: str) -> AcousticModel:
    check_sums(bundle, [path])
    expected = bundle.n_steps
    if _is_core_ml(kind) and n_steps != bundle.n_steps:
        from streamer.models.own_networks import network_of_steps

        path, expected = network_of_steps(bundle, kind, path, n_steps), n_steps
    model = _load_network(kind, path, expected, units)
    if model.n_steps != expected:
        raise _misfit(path, "n_steps", model.n_steps, expected)
    for name in ("n_context", "n_input", "n_hidden", "n_labels"):
        found, described = getattr(model, name), getattr(bundle, name)
        if found != described:
            raise _misfit(path, name, found, described)
    if model.n_steps > n_steps:
        from streamer.acoustic.short_windows import ShortWindows

        return ShortWindows(model, n_steps)
    return model


def _is_core_ml(kind: str) -> bool:
    return kind.split("-")[0] == "coreml"


def _steps(bundle: Bundle, latency: str) -> int:
    if latency not in LATENCIES:
        raise UsageError(f"unknown latency {latency!r}", f"use one of {', '.join(LATENCIES)}")
    return min(LATENCIES[latency] or bundle.n_steps, bundle.n_steps)


def _misfit(path: Path, name: str, found: int, described: int) -> ModelError:
    return ModelError(
        f"{path.name} has {name} {found}, {DESCRIPTION_FILE} says {described}", FIX_BUNDLE
    )


def _measured_network(bundle: Bundle, backend: str) -> tuple[str, Path] | None:
    """Return the Core ML network of a bundle that was measured as the fastest here, if any."""
    if backend in bundle.networks and backend != "coreml":
        return None  # named exactly
    kind, _ = bundle.choose_network(backend)
    if not _is_core_ml(kind):
        return None
    from streamer.models.compute_units import recall_fastest

    choices = {path: kind for kind, path in bundle.networks.items() if _is_core_ml(kind)}
    path = recall_fastest(list(choices))
    return None if path is None else (choices[path], path)


def _remembered_units(kind: str, path: Path) -> str | None:
    """Return the fastest compute units found by ``streamer bench --compute-units``."""
    if not _is_core_ml(kind):
        return None
    from streamer.models.compute_units import recall

    return recall(path)


def _load_network(kind: str, path: Path, n_steps: int, compute_units: str) -> AcousticModel:
    # Each backend needs a large library: import only the chosen one.
    backend = kind.split("-")[0]
    if backend == "coreml":
        from streamer.acoustic.coreml_model import CoreMLAcousticModel

        return CoreMLAcousticModel(path, compute_units=compute_units, n_steps=n_steps)
    if backend == "onnx":
        from streamer.acoustic.onnx_model import OnnxAcousticModel

        return OnnxAcousticModel(path, n_steps=n_steps)
    from streamer.acoustic.numpy_model import NumpyAcousticModel
    from streamer.convert.readers.onnx import read_onnx
    from streamer.convert.readers.safetensors import read_safetensors

    weights = read_onnx(path) if path.suffix == ".onnx" else read_safetensors(path)
    return NumpyAcousticModel(weights, n_steps, path=path)
