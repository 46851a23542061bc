"""Codebooks: vectors as a few bytes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from streamer.arrays import FloatArray
from streamer.errors import StreamerError
from streamer.training.data.codebooks import Codebooks


def _vectors(n: int, seed: int) -> FloatArray:
    """Return correlated vectors of 16 values with very different variances."""
    mixing = np.random.default_rng(0).normal(size=(16, 16)) * np.logspace(0, -2, 16)
    rng = np.random.default_rng(seed)
    return (rng.normal(size=(n, 16)) @ mixing.T + 3.0).astype(np.float32)


def test_indices_stand_for_vectors_near_those_encoded() -> None:
    codebooks = Codebooks.fit(_vectors(4000, 1), n_codebooks=4)
    others = _vectors(1000, 2)
    indices = codebooks.encode(others)
    assert indices.shape == (1000, 4)
    assert indices.dtype == np.uint8
    error = ((codebooks.decode(indices) - others) ** 2).sum()
    assert error < 0.15 * ((others - others.mean(axis=0)) ** 2).sum()
    shuffled = codebooks.decode(indices[::-1])
    assert ((shuffled - others) ** 2).sum() > 5 * error


def test_each_index_is_that_of_the_nearest_entry() -> None:
    codebooks = Codebooks.fit(_vectors(2000, 1), n_codebooks=2)
    vectors = _vectors(50, 3)
    indices = codebooks.encode(vectors)
    best = ((codebooks.decode(indices) - vectors) ** 2).sum(axis=1)
    for book in range(2):
        other = indices.copy()
        other[:, book] += 1
        assert (((codebooks.decode(other) - vectors) ** 2).sum(axis=1) >= best - 1e-3).all()


def test_all_codebooks_carry_information() -> None:
    codebooks = Codebooks.fit(_vectors(4000, 1), n_codebooks=4)
    indices = codebooks.encode(_vectors(4000, 2))
    assert all(len(np.unique(column)) > 200 for column in indices.T)


def test_codebooks_are_read_as_they_were_written(tmp_path: Path) -> None:
    codebooks = Codebooks.fit(_vectors(1000, 1), n_codebooks=4)
    codebooks.save(tmp_path / "codebooks.npz")
    read = Codebooks.load(tmp_path / "codebooks.npz")
    vectors = _vectors(100, 2)
    assert (read.encode(vectors) == codebooks.encode(vectors)).all()


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut off", b"no codebooks"])
def test_a_damaged_file_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "codebooks.npz").write_bytes(content)
    with pytest.raises(StreamerError, match="no codebooks"):
        Codebooks.load(tmp_path / "codebooks.npz")
