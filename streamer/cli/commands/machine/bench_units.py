"""``streamer bench --compute-units``: measure a Core ML network on each compute unit."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from streamer.acoustic.coreml_runtime import COMPUTE_UNITS
from streamer.bundle import Bundle, load_bundle
from streamer.convert.options import SHAPES
from streamer.errors import UsageError
from streamer.models.compute_units import Measurement, ModelLoader, fastest, measure, remember


def bench_compute_units(model: str, units: str) -> None:
    """Measure a bundle's network and all shapes of it; save the fastest units of the former.

    Args:
        model: name or folder of a bundle.
        units: ``all``, or names separated by commas.

    Raises:
        UsageError: a name is unknown.
        ModelError: this is not macOS, or Core ML cannot run a network.
        ConversionError: a shape cannot be written.
    """
    chosen = chosen_units(units)
    bundle = load_bundle(model)
    with tempfile.TemporaryDirectory() as folder:
        for line in measured_lines(bundle, chosen, Path(folder)):
            print(line, flush=True)


def chosen_units(units: str) -> tuple[str, ...]:
    """Parse the option's value.

    Raises:
        UsageError: one is unknown.
    """
    if units.lower() == "all":
        return COMPUTE_UNITS
    names = tuple(name.strip().upper() for name in units.split(","))
    for name in names:
        if name not in COMPUTE_UNITS:
            raise UsageError(
                f"unknown compute units {name}", f"use all, or {', '.join(COMPUTE_UNITS)}"
            )
    return names


def measured_lines(
    bundle: Bundle,
    units: tuple[str, ...],
    folder: Path,
    loader: ModelLoader | None = None,
    cache: Path | None = None,
) -> list[str]:
    """Measure, save the fastest units, and return the lines to print.

    Args:
        bundle: the model.
        units: compute units to measure.
        folder: for the other shapes, which are written in float16.
        loader: replaces Core ML.
        cache: replaces the user's cache.
    """
    networks = _networks(bundle, folder, off_mac=loader is not None)
    lines = [f"{'network':24} {'compute units':14} {'p50 ms':>8} {'p95 ms':>8}"]
    for name, path in networks.items():
        found: list[Measurement] = measure(path, units, loader=loader)
        lines.extend(
            f"{name:24} {m.compute_units:14} {m.p50_ms:>8.2f} {m.p95_ms:>8.2f}" for m in found
        )
        best = fastest(found)
        if path.parent == bundle.folder:
            remember(path, best, cache)
            lines.append(f"{name}: {best.compute_units} from now on")
        else:
            lines.append(f"{name}: fastest on {best.compute_units}")
    return lines


def _networks(bundle: Bundle, folder: Path, off_mac: bool) -> dict[str, Path]:
    networks = {
        path.name: path for kind, path in bundle.networks.items() if kind.startswith("coreml")
    }
    exact = bundle.networks.get("numpy") or bundle.networks.get("onnx")
    # Writing takes seconds: elsewhere it would only delay the error.
    if exact is not None and (sys.platform == "darwin" or off_mac):
        from streamer.convert import read_network
        from streamer.convert.coreml import write_coreml

        weights = read_network(exact)
        for shape in SHAPES:
            path = folder / f"{shape}.mlpackage"
            networks[f"{shape}, fp16"] = write_coreml(weights, path, bundle.n_steps, shape, "fp16")
    if not networks:
        raise UsageError(
            f"the model {bundle.name} has no Core ML network",
            "measure on macOS, or convert with --format mlprogram",
        )
    return networks
