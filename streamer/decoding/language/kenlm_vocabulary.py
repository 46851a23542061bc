"""Word numbers of a KenLM binary, which are found by a hash of the word."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from streamer.arrays import IntArray

#: Constants of MurmurHash64A.
_MULTIPLIER = np.uint64(0xC6A4A7935BD1E995)
_SHIFT = np.uint64(47)


def number_words(hashes: npt.NDArray[np.uint64], words: Sequence[str]) -> IntArray:
    """Return KenLM's numbers of words, int64 (n_words,); 0 for unknown words.

    Args:
        hashes: hashes of the model's words, ascending, uint64 (n,).
        words: the words.
    """
    wanted = murmur_hash([word.encode("utf-8") for word in words])
    at = np.searchsorted(hashes, wanted)
    known = hashes[np.minimum(at, len(hashes) - 1)] == wanted
    return np.where(known, at + 1, 0).astype(np.int64)


def murmur_hash(words: Sequence[bytes]) -> npt.NDArray[np.uint64]:
    """Return MurmurHash64A with seed 0 of each word, computed at once for words of one length."""
    hashes = np.zeros(len(words), np.uint64)
    by_length: dict[int, list[int]] = {}
    for place, word in enumerate(words):
        by_length.setdefault(len(word), []).append(place)
    for length, places in by_length.items():
        # Complete blocks of 8 bytes, then the remaining bytes, padded with zeros.
        padded = b"".join(words[place].ljust(-(-length // 8) * 8, b"\0") for place in places)
        blocks = np.frombuffer(padded, "<u8").reshape(len(places), -(-length // 8))
        hashed = np.full(len(places), length, np.uint64) * _MULTIPLIER
        for column in range(length // 8):
            mixed = blocks[:, column] * _MULTIPLIER
            mixed ^= mixed >> _SHIFT
            hashed = (hashed ^ mixed * _MULTIPLIER) * _MULTIPLIER
        if length % 8:
            hashed = (hashed ^ blocks[:, -1]) * _MULTIPLIER
        hashed ^= hashed >> _SHIFT
        hashed *= _MULTIPLIER
        hashes[places] = hashed ^ hashed >> _SHIFT
    return hashes
