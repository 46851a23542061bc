"""Measures which compute units of this Mac run a network fastest, and remembers them.

Measuring needs a Mac. The model loader and the clock are parameters, so that
everything else can be tested on any system.
"""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Callable

import numpy as np

from streamer.acoustic.contract import AcousticModel
from streamer.acoustic.coreml_cache import cache_folder, content_key
from streamer.acoustic.coreml_model import CoreMLAcousticModel
from streamer.acoustic.coreml_runtime import COMPUTE_UNITS, check_compute_units
from streamer.errors import ModelError
from streamer.private_files import make_private_folder, user_cache, write_private_file

#: Loads a model for the given compute units.
ModelLoader = Callable[[Path, str], AcousticModel]

#: Windows measured: at 320 ms each, half a minute of speech.
WINDOWS = 100
#: Windows run before, while caches fill and clocks speed up.
WARM_UP = 5

_FILE = "compute-units.json"


@dataclass(frozen=True)
class Measurement:
    """The time that one window takes.

    Attributes:
        model: name of the model's file.
        compute_units: the compute units that Core ML could use.
        p50_ms: median.
        p95_ms: 95th percentile.
        windows: number of windows measured.
    """

    model: str
    compute_units: str
    p50_ms: float
    p95_ms: float
    windows: int


def measure(
    path: str | Path,
    compute_units: Sequence[str] = COMPUTE_UNITS,
    windows: int = WINDOWS,
    loader: ModelLoader | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> list[Measurement]:
    """Measure a Core ML model on each of several compute units.

    Args:
        path: a ``.mlpackage``, ``.mlmodel`` or ``.mlmodelc``.
        compute_units: some of ``CPU_ONLY``, ``CPU_AND_GPU``, ``CPU_AND_NE``, ``ALL``.
        windows: number of windows, the state passed from one to the next.
        loader: replaces Core ML.
        clock: a monotonic time in seconds.

    Returns:
        One measurement for each of the compute units, in order.

    Raises:
        UsageError: a name is unknown.
        ModelError: this is not macOS, Core ML cannot run the model, or
            the probabilities are not finite.
    """
    for name in compute_units:
        check_compute_units(name)
    if windows < 1:
        raise ModelError("the number of windows is 0", "measure at least one window")
    load = _load if loader is None else loader
    return [_measure_one(load(Path(path), u), Path(path), u, windows, clock) for u in compute_units]


def _load(path: Path, compute_units: str) -> AcousticModel:
    return CoreMLAcousticModel(path, compute_units=compute_units)


def _measure_one(
    model: AcousticModel,
    path: Path,
    compute_units: str,
    windows: int,
    clock: Callable[[], float],
) -> Measurement:
    # Random features of the size of speech features, the same for every measurement.
    random = np.random.default_rng(0)
    shape = (1, model.n_steps, 2 * model.n_context + 1, model.n_input)
    inputs = [(5 * random.standard_normal(shape)).astype(np.float32) for _ in range(8)]
    state = model.initial_state()
    elapsed = np.zeros(windows)
    for k in range(-WARM_UP, windows):
        window = inputs[k % len(inputs)]
        start = clock()
        probabilities, state = model.infer(window, model.n_steps, state)
        if k >= 0:
            elapsed[k] = 1000 * (clock() - start)
        if not np.isfinite(probabilities).all():
            raise ModelError(
                f"the probabilities of {path.name} are not finite numbers on {compute_units}",
                "leave out these compute units, or convert with --precision fp32",
            )
    return Measurement(
        path.name,
        compute_units,
        float(np.percentile(elapsed, 50)),
        float(np.percentile(elapsed, 95)),
        windows,
    )


def fastest(measurements: Sequence[Measurement]) -> Measurement:
    """Return the measurement with the lowest 95th percentile, the best for live speech.

    The slow windows set the delay of a live stream; the median hides them.

    Raises:
        ModelError: there are no measurements.
    """
    if not measurements:
        raise ModelError("there are no measurements", "measure at least one of the compute units")
    return min(measurements, key=lambda m: (m.p95_ms, m.p50_ms))


def machine() -> str:
    """Return the hardware and system version that a measurement is valid for."""
    return f"{platform.machine()} {platform.system()} {platform.mac_ver()[0]}".strip()


def remember(path: str | Path, found: Measurement, folder: Path | None = None) -> Path:
    """Save the fastest compute units of a model on this machine.

    Args:
        path: the model, identified by its content.
        found: the fastest measurement.
        folder: replaces the user's cache.

    Returns:
        The file written.

    Raises:
        ModelError: it cannot be written.
    """
    file = _file(folder) or cache_folder(_FILE, "measurements")
    known = _read(file)
    known[_key(Path(path))] = {**asdict(found)}
    try:
        make_private_folder(file.parent)
        write_private_file(file, json.dumps(known, indent=1).encode("utf-8"))
    except OSError as error:
        raise ModelError(
            f"{file} cannot be written ({error.strerror})",
            "free some space, or fix its permissions",
        ) from error
    return file


def recall(path: str | Path, folder: Path | None = None) -> str | None:
    """Return the compute units saved for a model on this machine, or None.

    A file of another format or from another machine is ignored.

    Args:
        path: the model.
        folder: replaces the user's cache.
    """
    units = _read(_file(folder)).get(_key(Path(path)), {}).get("compute_units")
    return str(units) if units in COMPUTE_UNITS else None


def recall_fastest(paths: Sequence[Path], folder: Path | None = None) -> Path | None:
    """Return the model that was measured as the fastest on this machine, or None.

    Args:
        paths: models with the same weights; those that were not measured do not count.
        folder: replaces the user's cache.
    """
    known = _read(_file(folder))
    times = [(_p95_ms(known.get(_key(path), {})), path) for path in paths] if known else []
    measured = [(p95_ms, path) for p95_ms, path in times if p95_ms is not None]
    return min(measured, key=lambda pair: pair[0])[1] if measured else None


def _p95_ms(entry: Mapping[str, object]) -> float | None:
    p95_ms = entry.get("p95_ms")
    usable = isinstance(p95_ms, float) and entry.get("compute_units") in COMPUTE_UNITS
    return float(p95_ms) if usable else None  # type: ignore[arg-type]


def _key(path: Path) -> str:
    return f"{machine()} {content_key(path)}"


def _file(folder: Path | None) -> Path | None:
    return user_cache(_FILE) if folder is None else folder / _FILE


def _read(file: Path | None) -> dict[str, Mapping[str, object]]:
    if file is None:
        return {}
    try:
        contents = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    if not isinstance(contents, dict):
        return {}
    return {key: value for key, value in contents.items() if isinstance(value, dict)}
