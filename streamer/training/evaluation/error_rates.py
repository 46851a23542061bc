"""Word and character error rates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt


class Errors(NamedTuple):
    """Edits and lengths of one or more clips.

    Attributes:
        word_edits: inserted, deleted and substituted words.
        words: words of the reference.
        character_edits: the same of characters, spaces included.
        characters: characters of the reference.
    """

    word_edits: int
    words: int
    character_edits: int
    characters: int

    @property
    def wer(self) -> float:
        """Word error rate; 0 without words."""
        return self.word_edits / max(1, self.words)

    @property
    def cer(self) -> float:
        """Character error rate."""
        return self.character_edits / max(1, self.characters)


def edit_distance(reference: Sequence[object], hypothesis: Sequence[object]) -> int:
    """Return the Levenshtein distance: insertions, deletions and substitutions."""
    row = list(range(len(hypothesis) + 1))
    for i, wanted in enumerate(reference, 1):
        before, row[0] = row[0], i
        for j, got in enumerate(hypothesis, 1):
            cost = min(row[j] + 1, row[j - 1] + 1, before + (wanted != got))
            before, row[j] = row[j], cost
    return row[-1]


def matches(reference: Sequence[object], hypothesis: Sequence[object]) -> list[bool]:
    """Return for each word of a hypothesis whether it is right in the best alignment."""
    rows = [list(range(len(hypothesis) + 1))]
    for i, wanted in enumerate(reference, 1):
        before = rows[-1]
        row = [i]
        for j, got in enumerate(hypothesis, 1):
            row.append(min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (wanted != got)))
        rows.append(row)
    right = [False] * len(hypothesis)
    i, j = len(reference), len(hypothesis)
    while i and j:
        same = reference[i - 1] == hypothesis[j - 1]
        if rows[i][j] == rows[i - 1][j - 1] + (not same):
            i, j = i - 1, j - 1
            right[j] = same
        elif rows[i][j] == rows[i][j - 1] + 1:
            j -= 1
        else:
            i -= 1
    return right


def errors(reference: str, hypothesis: str) -> Errors:
    """Return the errors of one clip."""
    words = reference.split()
    return Errors(
        edit_distance(words, hypothesis.split()), len(words),
        edit_distance(reference, hypothesis), len(reference),
    )  # fmt: skip


def total(parts: Sequence[Errors]) -> Errors:
    """Return the sum over clips."""
    return Errors(*(sum(column) for column in zip(*parts))) if parts else Errors(0, 0, 0, 0)


def confidence_interval(
    parts: Sequence[Errors], draws: int = 1000, seed: int = 0
) -> tuple[float, float]:
    """Return the 95 % interval of the word error rate, by bootstrap over clips.

    Args:
        parts: the errors of each clip.
        draws: number of resamples.
        seed: random seed.
    """
    counts = np.array([(part.word_edits, part.words) for part in parts], float)
    rng = np.random.default_rng(seed)
    rates = []
    for _ in range(draws):
        edits, words = counts[rng.integers(0, len(counts), len(counts))].sum(axis=0)
        rates.append(edits / max(1.0, words))
    low, high = np.quantile(rates, [0.025, 0.975])
    return float(low), float(high)


def greedy_labels(scores: npt.NDArray[np.float32]) -> list[int]:
    """Return the most probable label of each frame, repeats merged and blanks removed.

    Args:
        scores: float32 (n, n_labels), blank last.
    """
    best = scores.argmax(axis=1)
    first = np.concatenate([[True], best[1:] != best[:-1]])
    labels: list[int] = best[first & (best != scores.shape[1] - 1)].tolist()
    return labels


def greedy_text(scores: npt.NDArray[np.float32], letters: str) -> str:
    """Return the text of `greedy_labels`, with single spaces between words.

    Args:
        scores: float32 (n, n_labels), blank last.
        letters: the labels in order, without the blank.
    """
    return " ".join("".join(letters[label] for label in greedy_labels(scores)).split())
