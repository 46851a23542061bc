"""``streamer bench --compute-units``: measure a Core ML network on each compute unit."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Callable

from streamer.acoustic.coreml_runtime import COMPUTE_UNITS, check_compute_units
from streamer.bundle import Bundle, load_bundle
from streamer.convert.options import DEFAULT_COREML_PRECISION, SHAPES, coreml_kind
from streamer.errors import StreamerError, UsageError
from streamer.models.compute_units import Measurement, ModelLoader, fastest, measure, remember

if TYPE_CHECKING:
    from streamer.acoustic.weights import Weights


def bench_compute_units(model: str, units: str) -> None:
    """Measure a bundle's networks and the other shapes of it; save the fastest units of each.

    A model runs in the shape that was the fastest of those it has.

    Args:
        model: name or folder of a bundle.
        units: ``all``, or names separated by commas.

    Raises:
        UsageError: a name is unknown.
        ModelError: this is not macOS, or Core ML cannot run a network.
    """
    from streamer.convert.coreml.compute_plan import plan_of_model

    chosen = chosen_units(units)
    bundle = load_bundle(model)
    with tempfile.TemporaryDirectory() as folder:
        for line in measured_lines(bundle, chosen, Path(folder), plan=plan_of_model):
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
        check_compute_units(name)
    return names


def measured_lines(
    bundle: Bundle,
    units: tuple[str, ...],
    folder: Path,
    loader: ModelLoader | None = None,
    cache: Path | None = None,
    plan: Callable[[Path, str], str | None] = lambda path, units: None,
) -> Iterator[str]:
    """Measure, save the fastest units, and yield the lines to print as they are known.

    What fails is a line of the table. A fastest network that the bundle does not have comes with
    the command that adds it.

    Args:
        bundle: the model.
        units: compute units to measure.
        folder: for shapes that the bundle does not have, which are written in float16.
        loader: replaces Core ML.
        cache: replaces the user's cache.
        plan: returns where Core ML runs the layers of a network on some compute units.

    Raises:
        UsageError: the bundle has no network to measure.
        ModelError: not one measurement succeeded.
    """
    yield f"{'network':24} {'compute units':14} {'p50 ms':>8} {'p95 ms':>8}"
    fastest_of: dict[str, Measurement] = {}
    failure: StreamerError | None = None
    for name, write in _networks(bundle, folder, off_mac=loader is not None).items():
        found: list[Measurement] = []
        for unit in units:
            try:
                path = write()
                (m,) = measure(path, [unit], loader=loader)
            except StreamerError as error:
                failure = error
                yield f"{name:24} {unit:14} failed: {error.what}"
                continue
            found.append(m)
            yield f"{name:24} {unit:14} {m.p50_ms:>8.2f} {m.p95_ms:>8.2f}"
        if not found:
            continue
        best = fastest_of[name] = fastest(found)
        try:
            layers = plan(path, best.compute_units)
        except StreamerError as error:
            layers = f"unknown processors ({error.what})"
        if layers is not None:
            yield f"{name}: layers on {layers}"
        if path.parent == bundle.folder:
            remember(path, best, cache)
            yield f"{name}: {best.compute_units} from now on"
        else:
            yield f"{name}: fastest on {best.compute_units}"
    if not fastest_of and failure is not None:
        raise failure
    best = fastest(list(fastest_of.values()))
    winner = next(name for name, m in fastest_of.items() if m is best)
    if winner in SHAPES:
        yield (
            f"{winner} is the fastest and not in the model: "
            f"streamer convert {bundle.folder} -o {bundle.folder} --shape {winner}"
        )
    else:
        yield f"{winner} is the fastest, and the one that runs from now on"


def _networks(bundle: Bundle, folder: Path, off_mac: bool) -> dict[str, Callable[[], Path]]:
    """Return functions that give each network's file, written on first use."""
    networks: dict[str, Callable[[], Path]] = {
        path.name: lambda path=path: path  # type: ignore[misc]
        for kind, path in bundle.networks.items()
        if kind.startswith("coreml")
    }
    exact = {"numpy", "onnx"} & set(bundle.networks)
    # Writing takes seconds: elsewhere it would only delay the error.
    if exact and (sys.platform == "darwin" or off_mac):
        from streamer.convert.reconversion import read_bundle_weights

        weights = read_bundle_weights(bundle)
        for shape in SHAPES:
            if coreml_kind("mlprogram", shape) not in bundle.networks:
                networks[shape] = _writer(weights, folder / f"{shape}.mlpackage", bundle, shape)
    if not networks:
        raise UsageError(
            f"the model {bundle.name} has no Core ML network",
            "measure on macOS, or convert with --format mlprogram",
        )
    return networks


def _writer(weights: Weights, path: Path, bundle: Bundle, shape: str) -> Callable[[], Path]:
    from streamer.convert.coreml import write_coreml

    def write() -> Path:
        if not path.exists():
            write_coreml(weights, path, bundle.n_steps, shape, DEFAULT_COREML_PRECISION)
        return path

    return write
