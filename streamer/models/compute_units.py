"""Which compute units of this Mac run a network fastest, measured and remembered.

Only a Mac can measure. What loads a model and what tells the time are
parameters, so that everything around the measuring is tested anywhere.
"""

from __future__ import annotations

import json
import os
import platform
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Callable

import numpy as np

from streamer.acoustic.contract import AcousticModel
from streamer.acoustic.coreml_cache import content_key
from streamer.acoustic.coreml_model import CoreMLAcousticModel
from streamer.acoustic.coreml_runtime import COMPUTE_UNITS
from streamer.errors import ModelError

#: Loads a model for the compute units named.
Loader = Callable[[Path, str], AcousticModel]

#: Windows that are measured: at 320 ms each, as many as half a minute of speech has.
WINDOWS = 100
#: Windows before those: caches fill and clocks speed up.
WARM_UP = 5

_FILE = "compute-units.json"


@dataclass(frozen=True)
class Measurement:
    """How long one window takes.

    Attributes:
        model: name of the model's file.
        compute_units: what Core ML was allowed to use.
        p50_ms: median.
        p95_ms: 95th percentile.
        windows: how many were measured.
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
    loader: Loader | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> list[Measurement]:
    """Measure a Core ML model on each of several compute units.

    Args:
        path: a ``.mlpackage``, ``.mlmodel`` or ``.mlmodelc``.
        compute_units: some of ``CPU_ONLY``, ``CPU_AND_GPU``, ``CPU_AND_NE``, ``ALL``.
        windows: how many windows are measured, the states carried from one to the next.
        loader: in place of Core ML.
        clock: seconds from any moment on.

    Returns:
        A measurement for each, in the order given.

    Raises:
        ModelError: a name is unknown, this is no Mac, Core ML cannot run the model, or an
            answer is not made of numbers.
    """
    unknown = [name for name in compute_units if name not in COMPUTE_UNITS]
    if unknown:
        raise ModelError(
            f"compute units {unknown[0]!r} are not known",
            f"choose among {', '.join(COMPUTE_UNITS)}",
        )
    if windows < 1:
        raise ModelError("there is nothing to measure", "measure at least one window")
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
    # As large as features of speech are, and the same for all.
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
                f"{path.name} answers with something else than numbers on {compute_units}",
                "leave those compute units out, or convert with --precision fp32",
            )
    return Measurement(
        path.name,
        compute_units,
        float(np.percentile(elapsed, 50)),
        float(np.percentile(elapsed, 95)),
        windows,
    )


def fastest(measurements: Sequence[Measurement]) -> Measurement:
    """Return the measurement that is best for live speech: the lowest 95th percentile.

    A live stream waits for its slow windows; medians that are equal hide them.

    Raises:
        ModelError: there are none.
    """
    if not measurements:
        raise ModelError("nothing was measured", "measure at least one of the compute units")
    return min(measurements, key=lambda m: (m.p95_ms, m.p50_ms))


def machine() -> str:
    """Return what measurements hold for: this hardware with this system."""
    return f"{platform.machine()} {platform.system()} {platform.mac_ver()[0]}".strip()


def remember(path: str | Path, found: Measurement, folder: Path | None = None) -> Path:
    """Keep which compute units are the fastest for a model on this machine.

    Args:
        path: the model; it is known again by its content.
        found: the fastest measurement.
        folder: in place of the user's cache.

    Returns:
        The file that keeps it.

    Raises:
        ModelError: it cannot be written.
    """
    file = _file(folder)
    known = _read(file)
    known[_key(Path(path))] = {**asdict(found)}
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(
            "w", dir=file.parent, prefix=".", suffix=".json", delete=False, encoding="utf-8"
        ) as fresh:
            json.dump(known, fresh, indent=1)
        os.replace(fresh.name, file)
    except OSError as error:
        raise ModelError(
            f"{file} cannot be written ({error.strerror})", "make room, or mend its permissions"
        ) from error
    return file


def recall(path: str | Path, folder: Path | None = None) -> str | None:
    """Return the compute units remembered for a model on this machine, or None.

    A file of another format or for another machine is as good as none.

    Args:
        path: the model.
        folder: in place of the user's cache.
    """
    units = _read(_file(folder)).get(_key(Path(path)), {}).get("compute_units")
    return str(units) if units in COMPUTE_UNITS else None


def _key(path: Path) -> str:
    return f"{machine()} {content_key(path)}"


def _file(folder: Path | None) -> Path:
    if folder is None:
        from platformdirs import user_cache_path

        folder = user_cache_path("streamer")
    return folder / _FILE


def _read(file: Path) -> dict[str, Mapping[str, object]]:
    try:
        contents = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    if not isinstance(contents, dict):
        return {}
    return {key: value for key, value in contents.items() if isinstance(value, dict)}
