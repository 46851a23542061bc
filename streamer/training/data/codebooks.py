"""Codebooks: vectors as a few bytes, by product quantisation.

A teacher's vector becomes one index in each of several codebooks, which a student learns as
classes (Guo et al., "Predicting multi-codebook vector quantization indexes for knowledge
distillation", 2022). The indices of an hour of speech take 1.4 MB, its vectors 180.

The vectors are turned to their principal components, which are dealt to the codebooks in such a
way that all have about the same product of variances (eigenvalue allocation; Ge et al., "Optimized
product quantization", 2013). Each codebook holds the centres of k-means in its components.
"""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import numpy.typing as npt

from streamer.arrays import FloatArray
from streamer.errors import StreamerError

#: Codebooks of a vector.
N_CODEBOOKS = 8
#: Entries of a codebook: an index fits into a byte.
N_ENTRIES = 256
_K_MEANS_ROUNDS = 20
#: Smallest variance that takes part in the product of variances.
_LEAST_VARIANCE = 1e-8

Indices = npt.NDArray[np.uint8]


class Codebooks:
    """Codebooks for vectors of one width.

    Args:
        mean: float32 (width,).
        rotation: float32 (width, width): the principal components as columns, those of the first
            codebook first.
        centres: float32 (n_codebooks, N_ENTRIES, width / n_codebooks).
    """

    def __init__(self, mean: FloatArray, rotation: FloatArray, centres: FloatArray) -> None:
        self.mean = mean
        self.rotation = rotation
        self.centres = centres

    @classmethod
    def fit(cls, vectors: FloatArray, n_codebooks: int = N_CODEBOOKS, seed: int = 0) -> Codebooks:
        """Find codebooks for vectors.

        Args:
            vectors: float32 (n, width), n at least `N_ENTRIES`.
            n_codebooks: a divisor of the width.
            seed: random seed of the first centres.
        """
        mean: FloatArray = vectors.mean(axis=0, dtype=np.float32)
        variances, components = np.linalg.eigh(np.cov((vectors - mean).T.astype(np.float64)))
        order = np.concatenate(_dealt(variances, n_codebooks))
        rotation: FloatArray = components[:, order].astype(np.float32)
        rng = np.random.default_rng(seed)
        parts = _split(np.matmul(vectors - mean, rotation), n_codebooks)
        return cls(mean, rotation, np.stack([_k_means(part, rng) for part in parts]))

    @property
    def n_codebooks(self) -> int:
        """Number of codebooks."""
        return len(self.centres)

    def encode(self, vectors: FloatArray) -> Indices:
        """Return the index of the nearest entry of each codebook, uint8 (n, n_codebooks).

        Args:
            vectors: float32 (n, width).
        """
        parts = _split(np.matmul(vectors - self.mean, self.rotation), self.n_codebooks)
        nearest = [_nearest(part, centres) for part, centres in zip(parts, self.centres)]
        return np.stack(nearest, axis=1).astype(np.uint8)

    def decode(self, indices: Indices) -> FloatArray:
        """Return the vectors that indices stand for, float32 (n, width)."""
        parts = [centres[row] for centres, row in zip(self.centres, indices.T)]
        vectors: FloatArray = np.concatenate(parts, axis=1) @ self.rotation.T + self.mean
        return vectors

    def save(self, path: Path) -> None:
        """Write an ``.npz`` file."""
        with path.open("wb") as file:
            np.savez(file, mean=self.mean, rotation=self.rotation, centres=self.centres)

    @classmethod
    def load(cls, path: Path) -> Codebooks:
        """Read a file that `save` wrote.

        Raises:
            StreamerError: it is not such a file.
        """
        try:
            with np.load(path, allow_pickle=False) as file:
                return cls(file["mean"], file["rotation"], file["centres"])
        except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile) as error:
            raise StreamerError(
                f"{path}: no codebooks ({error})", "remove it and the caches' teacher.u8"
            ) from error


def _dealt(variances: npt.NDArray[np.float64], n_codebooks: int) -> list[list[int]]:
    """Deal components to codebooks of equal size, the product of variances as equal as possible.

    Args:
        variances: of each component, float64 (width,).
        n_codebooks: a divisor of the width.
    """
    size = len(variances) // n_codebooks
    logarithms = np.log(np.maximum(variances / variances.max(), _LEAST_VARIANCE))
    books: list[list[int]] = [[] for _ in range(n_codebooks)]
    total = np.zeros(n_codebooks)
    # All logarithms are 0 or less, so the emptiest product is the largest.
    for component in np.argsort(-variances).tolist():
        open_books = [b for b in range(n_codebooks) if len(books[b]) < size]
        chosen = max(open_books, key=lambda b: total[b])
        books[chosen].append(component)
        total[chosen] += logarithms[component]
    return books


def _split(turned: FloatArray, n_codebooks: int) -> list[FloatArray]:
    """Return the components of each codebook, float32 (n, width / n_codebooks)."""
    return np.split(turned, n_codebooks, axis=1)


def _k_means(points: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Return the centres of k-means, float32 (N_ENTRIES, width)."""
    centres: FloatArray = points[rng.choice(len(points), N_ENTRIES, replace=False)]
    for _ in range(_K_MEANS_ROUNDS):
        nearest = _nearest(points, centres)
        counts = np.bincount(nearest, minlength=N_ENTRIES)
        order = np.argsort(nearest, kind="stable")
        used = np.flatnonzero(counts)
        starts = np.concatenate([[0], np.cumsum(counts[used])[:-1]])
        centres[used] = np.add.reduceat(points[order], starts) / counts[used, None]
        # A centre without points begins anew at a random point.
        unused = np.flatnonzero(counts == 0)
        centres[unused] = points[rng.choice(len(points), len(unused))]
    return centres


def _nearest(points: FloatArray, centres: FloatArray) -> npt.NDArray[np.intp]:
    """Return the nearest centre of each point, int64 (n,)."""
    distance = (centres**2).sum(axis=1) - 2 * points @ centres.T
    nearest: npt.NDArray[np.intp] = distance.argmin(axis=1)
    return nearest
