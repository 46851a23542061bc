"""Features in 8 bits, to carry a training to a machine far away: 13 hours in 58 MiB.

    python -m streamer.training.data.packing pack CACHE FILE
    python -m streamer.training.data.packing unpack FILE CACHE

Each coefficient has a step of its own, so that all but a few values in a million fit. What is
unpacked is a cache without the speech: enough to train on, not for --multi-condition.
"""

from __future__ import annotations

import argparse
import json
import sys
import zipfile
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from streamer.arrays import FloatArray
from streamer.errors import StreamerError
from streamer.training.data.cache import Cache

#: Share of the values at either end that may be cut off: digital silence is far from everything.
_CUT = 1e-4
#: Vectors that are read at a time.
_ROWS = 1 << 16


def steps(features: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the middle and the step of each coefficient, float32 (n_coefficients,) both.

    Args:
        features: float32 (n, n_coefficients).
    """
    sample = features[:: max(1, len(features) // 200_000)]
    low, high = np.quantile(sample, [_CUT, 1 - _CUT], axis=0).astype(np.float32)
    return (low + high) / 2, np.maximum(high - low, np.float32(1e-6)) / 254


def quantised(features: FloatArray, middle: FloatArray, step: FloatArray) -> npt.NDArray[np.int8]:
    """Return coefficients in steps from the middle, int8 of the same shape."""
    rounded = np.clip(np.rint((features - middle) / step), -127, 127)
    return cast("npt.NDArray[np.int8]", rounded.astype(np.int8))


def pack(cache: Cache, path: Path) -> None:
    """Write the features of a cache and its index to one file."""
    middle, step = steps(cache.features)
    index = json.loads((cache.where / "clips.json").read_text(encoding="utf-8"))
    index["middle"], index["step"] = middle.tolist(), step.tolist()
    for clip in index["clips"]:
        clip["n_samples"] = clip["first_sample"] = 0
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("clips.json", json.dumps(index))
        with file.open("features.i8", "w", force_zip64=True) as features:
            for start in range(0, len(cache.features), _ROWS):
                rows = cache.features[start : start + _ROWS]
                features.write(quantised(rows, middle, step).tobytes())


def unpack(path: Path, where: Path) -> Cache:
    """Make a cache of a packed file.

    Args:
        path: what `pack` wrote.
        where: a folder, made if it is not there.

    Raises:
        StreamerError: it cannot be read.
    """
    where.mkdir(parents=True, exist_ok=True)
    try:
        with zipfile.ZipFile(path) as file:
            index: dict[str, Any] = json.loads(file.read("clips.json"))
            middle, step = (np.array(index.pop(key), np.float32) for key in ("middle", "step"))
            with (
                file.open("features.i8") as packed,
                (where / "features.f32").open("wb") as features,
            ):
                while rows := packed.read(_ROWS * len(step)):
                    whole = np.frombuffer(rows, np.int8).reshape(-1, len(step))
                    values = cast(FloatArray, whole * step + middle)
                    features.write(values.astype(np.float32).tobytes())
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise StreamerError(
            f"{path}: not packed features ({error})", "pack the cache again"
        ) from error
    (where / "audio.i16").write_bytes(b"")
    (where / "clips.json").write_text(json.dumps(index), encoding="utf-8")
    return Cache(where)


def main() -> int:
    """Pack or unpack."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("what", choices=["pack", "unpack"])
    parser.add_argument("source", type=Path, help="a cache, or a packed file")
    parser.add_argument("target", type=Path, help="the packed file, or the cache")
    known = parser.parse_args()
    if known.what == "pack":
        pack(Cache(known.source), known.target)
        size = known.target.stat().st_size / 2**20
        print(f"{known.target}: {size:.1f} MiB")
    else:
        cache = unpack(known.source, known.target)
        print(f"{cache.where}: {len(cache.entries)} clips")
    return 0


if __name__ == "__main__":
    sys.exit(main())
