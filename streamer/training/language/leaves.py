"""Tying of left biphones: which phonemes on the left share a leaf.

The contexts are those of Kaldi's left biphones, tied without a look at the speech: a pair of
phonemes that is frequent has a leaf of its own, the others share one per class of the left
phoneme, and what is too rare even so joins the likeliest leaf.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from streamer.arrays import IntArray
from streamer.decoding.lexicon.leaves import Leaves
from streamer.decoding.lexicon.letter_to_sound import PHONEMES

#: Classes of the phonemes on the left; the beginning of the utterance is one of its own.
_CLASSES = (
    "AA AE AH AO AW AY EH ER EY IH IY OW OY UH UW",
    "B D G K P T",
    "CH DH F HH JH S SH TH V Z ZH",
    "M N NG",
    "L R W Y",
)
#: The class of each left phoneme, the beginning of the utterance last; int64 (40,).
CLASS_OF_LEFT: IntArray = np.array(
    [next(i for i, names in enumerate(_CLASSES) if p in names.split()) for p in PHONEMES]
    + [len(_CLASSES)]
)


def count_pairs(sentences: Iterable[Sequence[int]], n_phonemes: int) -> IntArray:
    """Count the pairs of phonemes, int64 (n_phonemes + 1, n_phonemes): [left, phoneme].

    Args:
        sentences: phonemes of each, 0 to n_phonemes - 1.
        n_phonemes: number of phonemes; as a left one it is the beginning of the utterance.
    """
    counts = np.zeros((n_phonemes + 1, n_phonemes), np.int64)
    for sentence in sentences:
        if sentence:
            np.add.at(counts, ([n_phonemes, *sentence[:-1]], list(sentence)), 1)
    return counts


def tie(counts: IntArray, n_leaves: int, classes: IntArray = CLASS_OF_LEFT) -> Leaves:
    """Return about as many leaves as wanted; at least one for each phoneme.

    Args:
        counts: see `count_pairs`.
        n_leaves: wanted number.
        classes: the class of each left phoneme, int64 (n_phonemes + 1,).
    """
    thresholds = [*np.unique(counts[counts > 0]).tolist(), int(counts.sum()) + 1]
    # More pairs are tied with a higher threshold: search for the lowest with few enough leaves.
    low, high = 0, len(thresholds) - 1
    while low < high:
        middle = (low + high) // 2
        if len(_tied(counts, thresholds[middle], classes)) <= n_leaves:
            high = middle
        else:
            low = middle + 1
    return _tied(counts, thresholds[high], classes)


def shares(counts: IntArray, leaves: Leaves) -> npt.NDArray[np.float64]:
    """Return the share of each leaf in its phoneme, float64 (n_leaves,); none is zero.

    Args:
        counts: see `count_pairs`.
        leaves: the leaves.
    """
    of_leaves = np.bincount(leaves.table.ravel(), counts.ravel(), len(leaves)) + 1
    return of_leaves / np.bincount(leaves.phonemes, of_leaves)[leaves.phonemes]


def _tied(counts: IntArray, least: int, classes: IntArray) -> Leaves:
    """Return leaves that were seen a number of times at least, as far as possible."""
    table = np.empty_like(counts)
    n_leaves = 0
    for phoneme, of_phoneme in enumerate(counts.T):
        leaf = _tied_lefts(of_phoneme, least, classes)
        table[:, phoneme] = n_leaves + leaf
        n_leaves += int(leaf.max()) + 1
    return Leaves(table)


def _tied_lefts(counts: IntArray, least: int, classes: IntArray) -> IntArray:
    """Return the leaf of one phoneme behind each left one, from 0; int64 (n_phonemes + 1,)."""
    own = counts >= least
    leaf = np.full(len(counts), -1)
    leaf[own] = np.arange(own.sum())
    for one in np.unique(classes):
        members = (classes == one) & ~own
        if counts[members].sum() >= least:
            leaf[members] = leaf.max() + 1
    rest = leaf < 0
    if rest.any() and (counts[rest].sum() >= least or rest.all()):
        leaf[rest] = leaf.max() + 1
    # The remaining lefts join the largest leaf behind their class, or the largest of all.
    sizes = np.bincount(leaf[leaf >= 0], counts[leaf >= 0])
    for left in np.flatnonzero(leaf < 0):
        alike = leaf[(classes == classes[left]) & ~rest]
        among = alike if len(alike) else np.arange(len(sizes))
        leaf[left] = among[np.argmax(sizes[among])]
    return leaf
