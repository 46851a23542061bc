"""Confidence of words: how likely each is to be right, from the evidence about it.

A logistic regression (Platt, 1999) over the evidence of a word and of its neighbours, because
errors come in groups. `streamer.training.confidence` fits it for a model, on speech that trained
nothing; its parameters are in the bundle.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np

from streamer.arrays import FloatArray
from streamer.decoding.evidence import Evidence
from streamer.errors import ModelError

#: Logarithms of probabilities below this say no more.
_LEAST_LOGARITHM = -4.0
_LEAST_LANGUAGE = -6.0
#: What a share lacks to 1 counts by its logarithm, from here on.
_SHARE_FLOOR = 0.01
#: Logarithm of odds beyond which nothing changes any more.
_MOST_ODDS = 30.0
#: Words before and after a word that are its neighbourhood.
_NEIGHBOURS = 2

#: What stands for the score of a neighbour that is not there: about the mean.
_USUAL_LANGUAGE = -1.5
#: Pauses longer than this, and those at the edges, count as this long, in frames.
_LONGEST_PAUSE = 50.0
#: Pauses count by their logarithm: log(1 + frames / this).
_PAUSE_UNIT = 2.5

#: What the regression is given, in the order of `features`.
FEATURES = (
    "acoustic", "spelling", "share", "least_share", "changes", "language", "letters", "pace",
    "near_acoustic", "near_spelling", "near_share", "language_before", "language_after",
    "pause_after", "share_and_spelling", "letters_squared", "pace_squared",
)  # fmt: skip


class Estimator(Protocol):
    """Estimates how likely words are to be right."""

    @property
    def doubtful(self) -> float:
        """Words with a lower confidence are marked in the live view."""
        ...

    def probabilities(self, evidence: Sequence[Evidence]) -> FloatArray:
        """Return a probability for each of the words of an utterance, (n,)."""
        ...


class RawConfidence:
    """The acoustic evidence as it is: the mean probability of a word's letters.

    Not a probability of being right, but it grows with it; for models without a calibration.
    """

    doubtful = 0.5

    def probabilities(self, evidence: Sequence[Evidence]) -> FloatArray:
        """See `Estimator.probabilities`."""
        means = np.exp([each.acoustic for each in evidence])
        return np.minimum(means, 1.0).astype(np.float32)


@dataclass(frozen=True)
class Calibration:
    """A fitted logistic regression.

    Attributes:
        weights: one for each of `FEATURES`.
        bias: of the logarithm of the odds.
        doubtful: words with a lower confidence are marked in the live view.
    """

    weights: tuple[float, ...]
    bias: float
    doubtful: float

    def probabilities(self, evidence: Sequence[Evidence]) -> FloatArray:
        """See `Estimator.probabilities`."""
        odds = features(evidence) @ np.array(self.weights) + self.bias
        result = 1.0 / (1.0 + np.exp(-np.clip(odds, -_MOST_ODDS, _MOST_ODDS)))
        return np.asarray(result, np.float32)


class _Columns(NamedTuple):
    """Evidence of several words, each field float32 (n,)."""

    acoustic: FloatArray
    spelling: FloatArray
    share: FloatArray
    least_share: FloatArray
    changes: FloatArray
    language: FloatArray
    letters: FloatArray
    frames: FloatArray
    begin: FloatArray
    end: FloatArray


def features(evidence: Sequence[Evidence]) -> FloatArray:
    """Return what the regression is given of the words of an utterance, (n, `FEATURES`).

    Args:
        evidence: of its words, in order.
    """
    if not evidence:
        return np.zeros((0, len(FEATURES)), np.float32)
    rows = _Columns(*np.array(evidence, dtype=np.float32).T)
    acoustic = np.maximum(rows.acoustic, _LEAST_LOGARITHM)
    share = _share(rows.share)
    language = np.maximum(rows.language, _LEAST_LANGUAGE)
    letters = np.log(rows.letters)
    pace = np.log(rows.frames / rows.letters)
    edges = np.concatenate([[_USUAL_LANGUAGE], language, [_USUAL_LANGUAGE]])
    pause = np.full(len(evidence), _LONGEST_PAUSE)
    pause[:-1] = np.clip(rows.begin[1:] - rows.end[:-1], 0.0, _LONGEST_PAUSE)
    result: FloatArray = np.stack(
        [
            acoustic,
            rows.spelling,
            share,
            _share(rows.least_share),
            np.log1p(rows.changes),
            language,
            letters,
            pace,
            _around(acoustic),
            _around(rows.spelling),
            _around(share),
            edges[:-2],
            edges[2:],
            np.log1p(pause / _PAUSE_UNIT),
            share * rows.spelling,
            letters**2,
            pace**2,
        ],
        axis=1,
    )
    return result


def _share(values: FloatArray) -> FloatArray:
    """Return shares by the logarithm of what they lack to 1."""
    result: FloatArray = -np.log(np.maximum(1.0 - values, 0.0) + _SHARE_FLOOR)
    return result


def _around(values: FloatArray) -> FloatArray:
    """Return the mean over each word and its neighbours."""
    n = len(values)
    sums = np.concatenate([[0.0], np.cumsum(values)])
    place = np.arange(n)
    begin = np.maximum(place - _NEIGHBOURS, 0)
    end = np.minimum(place + _NEIGHBOURS + 1, n)
    result: FloatArray = (sums[end] - sums[begin]) / (end - begin)
    return result


def read_calibration(fields: Mapping[str, Any] | None) -> Calibration | None:
    """Read the entry ``confidence`` of a bundle's decoding settings; None without one.

    Weights of features that this version does not have, or has and the bundle lacks, make the
    calibration unusable: then there is none.

    Raises:
        ModelError: a value is not a finite number.
    """
    if fields is None:
        return None
    try:
        if not isinstance(fields, Mapping):
            raise TypeError("not an object")
        weights = dict(fields["weights"])
        if set(weights) != set(FEATURES):
            return None
        values = [*(float(weights[name]) for name in FEATURES), float(fields["bias"])]
        doubtful = float(fields["doubtful"])
        if not np.isfinite([*values, doubtful]).all() or not 0 <= doubtful <= 1:
            raise ValueError("a number is out of range")
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise ModelError(
            f"the decoder's confidence is not valid ({error})", "install the model again"
        ) from error
    return Calibration(tuple(values[:-1]), values[-1], doubtful)
