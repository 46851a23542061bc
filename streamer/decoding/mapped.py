"""A KenLM language model that is looked up where it lies, in a mapped file.

flashlight's KenLM takes all of a file into memory when it opens it (every page on
Linux, a copy elsewhere), which is right for tens of megabytes and wrong for the
gigabyte of DeepSpeech's public scorers. Here only what is asked for is read: some
tens of microseconds a word, in Python. KenLM's tries keep n-grams backwards: below a
word stand the words that came before it.
"""

from __future__ import annotations

import bisect
import struct
from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np
import numpy.typing as npt

from streamer.decoding.kenlm import KenlmHeader, Middle, trie_layout

_MULTIPLIER = np.uint64(0xC6A4A7935BD1E995)
_SHIFT = np.uint64(47)


class Context(NamedTuple):
    """What the model remembers of a sentence.

    Attributes:
        words: the last words, the latest first, as far as the model knows them.
        backoffs: log 10, for the last word, the last two, and so on.
    """

    words: Tuple[int, ...]
    backoffs: Tuple[float, ...]


class MappedModel:
    """Probabilities of words, read from a mapped KenLM trie.

    Args:
        data: the mapped file.
        header: its header, checked.
    """

    def __init__(self, data: memoryview, header: KenlmHeader) -> None:
        self._data = data
        self._order = header.order
        layout = trie_layout(data, header.start, header.counts, header.kind)
        self._layout = layout
        self._word_bits = header.counts[0].bit_length()
        self._word_mask = (1 << self._word_bits) - 1
        (listed,) = struct.unpack_from("<Q", data, layout.vocabulary)
        self._hashes = np.frombuffer(data, "<u8", listed, layout.vocabulary + 8)
        self._arrays = [
            data[m.array : m.array + 8 * m.array_entries].cast("Q") if m.array_entries else None
            for m in layout.middles
        ]
        self._tables: List[Tuple[Tuple[float, ...], Tuple[float, ...]]] = []
        at = layout.quantiser + 8
        if layout.quantiser_floats:
            probabilities, backoffs = 1 << layout.prob_bits, 1 << layout.backoff_bits
            for order in range(2, header.order + 1):
                first = struct.unpack_from(f"<{probabilities}f", data, at)
                at += 4 * probabilities
                second: Tuple[float, ...] = ()
                if order < header.order:
                    second = struct.unpack_from(f"<{backoffs}f", data, at)
                    at += 4 * backoffs
                self._tables.append((first, second))

    def indices(self, words: Sequence[str]) -> npt.NDArray[np.int64]:
        """Number words as the model does; 0 for those it does not know."""
        hashes = _murmur([word.encode("utf-8") for word in words])
        at = np.searchsorted(self._hashes, hashes)
        known = self._hashes[np.minimum(at, len(self._hashes) - 1)] == hashes
        return np.where(known, at + 1, 0).astype(np.int64)

    def unigrams(self, indices: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        """Return words' probabilities without context (log 10)."""
        count = len(self._hashes) + 1
        table = np.frombuffer(self._data, "<f4", 4 * count, self._layout.unigrams)
        probabilities: npt.NDArray[np.float32] = table.reshape(-1, 4)[indices, 0]
        return probabilities

    def begin(self) -> Context:
        """Return the context of a sentence's first word."""
        (start,) = self.indices(["<s>"]).tolist()
        return Context((start,), (self._unigram(start)[1],))

    def score(self, context: Context, word: int) -> Tuple[float, Context]:
        """Return a word's probability (log 10) and the context for the next one."""
        probability, backoff, begin, end = self._unigram(word)
        words, backoffs = [word], [backoff]
        length = 1
        for place, before in enumerate(context.words):
            if begin >= end:
                break
            if place + 2 == self._order:
                found = self._longest(before, begin, end)
                if found is not None:
                    probability, length = found, self._order
                break
            entry = self._middle(place, before, begin, end)
            if entry is None:
                break
            probability, backoff, begin, end = entry
            length = place + 2
            words.append(before)
            backoffs.append(backoff)
        probability += sum(context.backoffs[length - 1 :])
        return probability, Context(tuple(words), tuple(backoffs))

    def _unigram(self, word: int) -> Tuple[float, float, int, int]:
        """Probability, backoff and the range of bigrams of a word."""
        at = self._layout.unigrams + 16 * word
        probability, backoff, begin = struct.unpack_from("<ffQ", self._data, at)
        (end,) = struct.unpack_from("<Q", self._data, at + 24)
        return probability, backoff, begin, end

    def _middle(
        self, place: int, word: int, begin: int, end: int
    ) -> Optional[Tuple[float, float, int, int]]:
        """Look an n-gram up that longer ones continue."""
        middle: Middle = self._layout.middles[place]
        index = self._find(middle.packed, middle.bits, word, begin, end)
        if index is None:
            return None
        value = self._bits(middle.packed, index * middle.bits + self._word_bits)
        if self._tables:
            probabilities, backoffs = self._tables[place]
            backoff = backoffs[value & (len(backoffs) - 1)]
            value >>= self._layout.backoff_bits
            probability = probabilities[value & (len(probabilities) - 1)]
        else:
            probability = -_float(value & 0x7FFFFFFF)
            value = self._bits(middle.packed, index * middle.bits + self._word_bits + 31)
            backoff = _float(value & 0xFFFFFFFF)
        return (
            probability,
            backoff,
            self._pointer(place, middle, index),
            self._pointer(place, middle, index + 1),
        )

    def _longest(self, word: int, begin: int, end: int) -> Optional[float]:
        """Look one of the longest n-grams up."""
        packed, bits = self._layout.longest, self._layout.longest_bits
        index = self._find(packed, bits, word, begin, end)
        if index is None:
            return None
        value = self._bits(packed, index * bits + self._word_bits)
        if self._tables:
            probabilities = self._tables[-1][0]
            return probabilities[value & (len(probabilities) - 1)]
        return -_float(value & 0x7FFFFFFF)

    def _find(self, packed: int, bits: int, word: int, begin: int, end: int) -> Optional[int]:
        """Find a word among the sorted entries of a range."""
        behind = end
        while begin < end:
            middle = (begin + end) // 2
            if self._bits(packed, middle * bits) & self._word_mask < word:
                begin = middle + 1
            else:
                end = middle
        if begin < behind and self._bits(packed, begin * bits) & self._word_mask == word:
            return begin
        return None

    def _pointer(self, place: int, middle: Middle, index: int) -> int:
        """Where the longer n-grams of an entry begin."""
        bit = index * middle.bits + middle.bits - middle.pointer_bits
        low = self._bits(middle.packed, bit) & ((1 << middle.pointer_bits) - 1)
        array = self._arrays[place]
        if array is None:
            return low
        return (bisect.bisect_right(array, index) - 1) << middle.pointer_bits | low

    def _bits(self, base: int, bit: int) -> int:
        """Read the bits from a place on; KenLM never needs more than 57."""
        at = base + (bit >> 3)
        return int.from_bytes(self._data[at : at + 8], "little") >> (bit & 7)


def _float(bits: int) -> float:
    """Return the single-precision number of some bits."""
    value: float = struct.unpack("<f", struct.pack("<I", bits))[0]
    return value


def _murmur(words: Sequence[bytes]) -> npt.NDArray[np.uint64]:
    """Hash words as KenLM does (MurmurHash64A, seed 0), words of one length at once."""
    hashes = np.zeros(len(words), np.uint64)
    by_length: Dict[int, List[int]] = {}
    for place, word in enumerate(words):
        by_length.setdefault(len(word), []).append(place)
    for length, places in by_length.items():
        # Whole words of 8 bytes, then what is left, filled up with zeros.
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
