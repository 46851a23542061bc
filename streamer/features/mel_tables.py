"""The mel filter bank and the lifter of python_speech_features, computed by the package once.

Importing the package imports SciPy, which takes longer than loading a model. So what it computes is
kept in the user's cache; a file there that is not what it should be is made again.
"""

from __future__ import annotations

import contextlib
import hashlib
from pathlib import Path
from typing import NamedTuple

import numpy as np

from streamer.arrays import Array
from streamer.private_files import make_private_folder, user_cache, write_private_file

#: Part of the key; changes with the layout of the file.
_LAYOUT = 1


class MelTables(NamedTuple):
    """What the front end multiplies with.

    Attributes:
        filters: float64 (n_filters, n_fft / 2 + 1), triangles from 0 to 1.
        lifter: float64 (n_coefficients,), factor of each coefficient.
    """

    filters: Array
    lifter: Array


def mel_tables(
    n_filters: int,
    n_fft: int,
    sample_rate_hz: int,
    low_hz: float,
    high_hz: float,
    n_coefficients: int,
    lifter: int,
) -> MelTables:
    """Return the tables of ``python_speech_features.mfcc`` for its arguments of these names.

    Raises:
        ValueError: the package refuses an argument.
    """
    arguments = (n_filters, n_fft, sample_rate_hz, low_hz, high_hz, n_coefficients, lifter)
    path = _cache_file(repr((_LAYOUT, arguments)))
    known = None if path is None else _read(path, n_filters, n_fft, n_coefficients)
    if known is not None:
        return known
    from python_speech_features import base

    tables = MelTables(
        base.get_filterbanks(n_filters, n_fft, sample_rate_hz, low_hz, high_hz),
        base.lifter(np.ones((1, n_coefficients)), lifter)[0],
    )
    if path is not None:
        _write(path, tables)
    return tables


def _cache_file(key: str) -> Path | None:
    folder = user_cache("front-ends")
    if folder is None:
        return None
    return folder / f"{hashlib.sha256(key.encode()).hexdigest()[:24]}.bin"


def _read(path: Path, n_filters: int, n_fft: int, n_coefficients: int) -> MelTables | None:
    """Return the tables in a file, None if it is not there or not whole."""
    n_bins = n_fft // 2 + 1
    n_values = n_filters * n_bins + n_coefficients
    try:
        if path.is_symlink() or not path.is_file() or path.stat().st_size > 1024 + 8 * n_values:
            return None
        raw = path.read_bytes()
        digest, body = raw[:32], raw[32:]
        if hashlib.sha256(body).digest() != digest or len(body) != 8 * n_values:
            return None
        values = np.frombuffer(body, "<f8").astype(np.float64)
    except (OSError, ValueError):
        return None
    filters = values[: n_filters * n_bins].reshape(n_filters, n_bins)
    within = np.isfinite(values).all() and filters.min(initial=0) >= 0 and filters.max() <= 1
    return MelTables(filters, values[n_filters * n_bins :]) if within else None


def _write(path: Path, tables: MelTables) -> None:
    """Keep tables for the next time; where nothing can be written, they are computed again."""
    body = np.concatenate([tables.filters.ravel(), tables.lifter.ravel()]).astype("<f8").tobytes()
    with contextlib.suppress(OSError):
        make_private_folder(path.parent)
        write_private_file(path, hashlib.sha256(body).digest() + body)
