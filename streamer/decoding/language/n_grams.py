"""Probabilities of words behind words: a KenLM trie, looked up where it lies, in a mapped file.

Nothing is loaded: only what is asked for is read, for many words at once. KenLM's tries keep
n-grams backwards: below a word stand the words that came before it, sorted by their numbers.
These go by a hash, so they are spread evenly, and a place is guessed before it is searched
for. Scores are common logarithms, as KenLM's.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from streamer.arrays import FloatArray, IntArray
from streamer.decoding.language.kenlm_file import (
    REPLACE_SCORER,
    KenlmHeader,
    MiddleTable,
    TrieLayout,
    packed_size,
    trie_layout,
)
from streamer.errors import ScorerError

_Bits = npt.NDArray[np.uint64]

_MULTIPLIER = np.uint64(0xC6A4A7935BD1E995)
_SHIFT = np.uint64(47)
#: Entries that are looked at around a guessed place; one look is enough nearly always.
_SEEN = 16
#: No word.
_NONE = -1


class NGramStates(NamedTuple):
    """What is remembered of texts.

    Attributes:
        words: int64 (n, order - 1): KenLM's numbers of the last words of each text, the latest
            first, as far as the model knows them; -1 behind these.
        backoffs: float32 (n, order - 1), for the last word, the last two, and so on; else 0.
    """

    words: IntArray
    backoffs: FloatArray

    def take(self, rows: IntArray) -> NGramStates:
        """Return some of them."""
        return NGramStates(self.words[rows], self.backoffs[rows])


class NGrams:
    """A KenLM model of sorted tables.

    Args:
        data: the mapped file.
        header: its header, checked.
        words: the words that may be asked for; they are numbered in this order.

    Attributes:
        order: longest n-gram.
        end: number of a sentence's end.
        unigrams: each word's probability without context, float32 (n_words,).
    """

    def __init__(self, data: memoryview, header: KenlmHeader, words: Sequence[str]) -> None:
        layout = trie_layout(data, header.start, header.counts, header.kind)
        self._file = data.obj
        self.order = header.order
        self.end = len(words)
        self._word_bits = header.counts[0].bit_length()
        self._n_words = header.counts[0]
        self._mask = np.uint64((1 << self._word_bits) - 1)
        self._layout = layout
        unigrams = np.frombuffer(
            data,
            [("probability", "<f4"), ("backoff", "<f4"), ("first", "<u8")],
            header.counts[0] + 2,
            layout.unigrams,
        )
        self._probability, self._backoff = unigrams["probability"], unigrams["backoff"]
        self._first = unigrams["first"]
        self._middles = [
            _windows(data, m.packed, packed_size(m.entries, m.bits)) for m in layout.middles
        ]
        self._longest = _windows(
            data, layout.longest, packed_size(header.counts[-1], layout.longest_bits)
        )
        self._arrays = [
            np.frombuffer(data, "<u8", m.array_entries, m.array) if m.array_entries else None
            for m in layout.middles
        ]
        self._tables = _tables(data, layout, header.order)
        (listed,) = struct.unpack_from("<Q", data, layout.vocabulary)
        hashes = np.frombuffer(data, "<u8", listed, layout.vocabulary + 8)
        self._numbers = _numbers(hashes, [*words, "</s>"])
        self._begin = _numbers(hashes, ["<s>"])
        self.unigrams: FloatArray = self._probability[self._numbers[:-1]]

    def release_pages(self) -> None:
        """Leave what was read to the page cache: it comes back from there, and need not count."""
        # Where the system takes no advice, nothing but memory is lost.
        if isinstance(self._file, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
            self._file.madvise(mmap.MADV_DONTNEED)

    def initial_states(self) -> NGramStates:
        """Return the context of a sentence's first word."""
        contexts = self._nothing(1)
        contexts.words[:, 0] = self._begin
        contexts.backoffs[:, 0] = self._backoff[self._begin]
        return contexts

    def score(self, contexts: NGramStates, words: IntArray) -> tuple[NGramStates, FloatArray]:
        """Let words follow texts.

        Args:
            contexts: of n texts.
            words: their next words, or `end`, int (n,).

        Returns:
            The contexts then, and the words' scores, float32 (n,).

        Raises:
            ScorerError: a pointer leads out of the file; only small files were checked before.
        """
        try:
            return self._score(contexts, words)
        except IndexError:
            raise ScorerError("The scorer's language model is damaged", REPLACE_SCORER) from None

    def _score(self, contexts: NGramStates, words: IntArray) -> tuple[NGramStates, FloatArray]:
        numbers = self._numbers[words]
        following = self._nothing(len(words))
        following.words[:, 0] = numbers
        following.backoffs[:, 0] = self._backoff[numbers]
        scores = self._probability[numbers].copy()
        length = np.zeros(len(words), np.int64)  # words of the context that were found
        begin, end = self._first[np.stack([numbers, numbers + 1])].astype(np.int64)
        rows = np.arange(len(words))
        for place in range(self.order - 1):
            before = contexts.words[rows, place]
            asked = np.flatnonzero((before != _NONE) & (begin < end))
            if not len(asked):
                break
            last = place + 2 == self.order
            bits = self._layout.longest_bits if last else self._layout.middles[place].bits
            table = self._longest if last else self._middles[place]
            before = before[asked]
            entry = self._find(table, bits, before, begin[asked], end[asked])
            known = np.flatnonzero(entry != _NONE)
            if not len(known):
                break
            rows, entry = rows[asked[known]], entry[known]
            probability, backoff = self._values(place, table, entry * bits + self._word_bits)
            scores[rows] = probability
            length[rows] = place + 1
            if not last:
                following.words[rows, place + 1] = before[known]
                following.backoffs[rows, place + 1] = backoff
                begin, end = self._pointers(place, np.stack([entry, entry + 1]))
        # What was not found is paid for: the contexts from there on back off.
        paid = np.cumsum(contexts.backoffs[:, ::-1], axis=1)[:, ::-1]
        shorter = np.flatnonzero(length < self.order - 1)
        scores[shorter] += paid[shorter, length[shorter]]
        return following, scores

    def _nothing(self, n: int) -> NGramStates:
        shape = (n, self.order - 1)
        return NGramStates(np.full(shape, _NONE, np.int64), np.zeros(shape, np.float32))

    def _find(
        self, table: _Bits, bits: int, words: IntArray, begin: IntArray, end: IntArray
    ) -> IntArray:
        """Return where words stand among the sorted entries of ranges; -1 where they do not."""
        found = np.full(len(words), _NONE, np.int64)
        which = np.arange(len(words))
        # Places a word may stand at, and the words that stand right before and behind these.
        low, high = np.full(len(words), -1), np.full(len(words), self._n_words)
        while len(which):
            guess = begin + ((words - low) / (high - low) * (end - begin)).astype(np.int64)
            first = np.maximum(np.minimum(guess - _SEEN // 2, end - _SEEN), begin)
            at = np.minimum(first[:, None] + np.arange(_SEEN), end[:, None] - 1)
            seen = (_read(table, at * bits) & self._mask).astype(np.int64)
            row, column = np.nonzero(seen == words[:, None])
            found[which[row]] = at[row, column]
            # Only a word that would stand before or behind what was seen is searched for.
            before, behind = words < seen[:, 0], words > seen[:, -1]
            outside = before | behind
            if not outside.any():
                break
            end, high = np.where(before, first, end), np.where(before, seen[:, 0], high)
            begin = np.where(behind, at[:, -1] + 1, begin)
            low = np.where(behind, seen[:, -1], low)
            still = np.flatnonzero(outside & (begin < end))
            which, words = which[still], words[still]
            begin, end, low, high = begin[still], end[still], low[still], high[still]
        return found

    def _values(self, place: int, table: _Bits, bit: IntArray) -> tuple[FloatArray, FloatArray]:
        """Return probabilities and backoffs of entries; those of the longest mean nothing."""
        value = _read(table, bit)
        if not self._tables:
            # Probabilities are negative, which is not written down.
            return _floats(value | np.uint64(1 << 31)), _floats(_read(table, bit + 31))
        probabilities, backoffs = self._tables[place]
        backoff = backoffs[value & np.uint64(len(backoffs) - 1)]
        if place + 2 < self.order:
            value = value >> np.uint64(self._layout.backoff_bits)
        return probabilities[value & np.uint64(len(probabilities) - 1)], backoff

    def _pointers(self, place: int, entry: IntArray) -> IntArray:
        """Return where the longer n-grams of entries begin, for any shape of them."""
        middle: MiddleTable = self._layout.middles[place]
        bit = entry * middle.bits + (middle.bits - middle.pointer_bits)
        low = _read(self._middles[place], bit) & np.uint64((1 << middle.pointer_bits) - 1)
        pointer: IntArray = low.astype(np.int64)
        array = self._arrays[place]
        if array is not None:
            high = np.searchsorted(array, entry.astype(np.uint64), side="right") - 1
            pointer |= high << middle.pointer_bits
        return pointer


def _windows(data: memoryview, start: int, length: int) -> _Bits:
    """Return a window of 8 bytes at every byte of a table."""
    table: _Bits = np.ndarray((length - 7,), "<u8", data[start : start + length], strides=(1,))
    return table


def _read(table: _Bits, bit: IntArray) -> _Bits:
    """Read the bits from places on; KenLM never needs more than 57."""
    bits: _Bits = table[bit >> 3] >> (bit & 7).astype(np.uint64)
    return bits


def _floats(bits: _Bits) -> FloatArray:
    """Return the single-precision numbers of the lowest 32 bits."""
    numbers: FloatArray = (bits & np.uint64(0xFFFFFFFF)).astype("<u4").view("<f4")
    return numbers


def _tables(
    data: memoryview, layout: TrieLayout, order: int
) -> list[tuple[FloatArray, FloatArray]]:
    """Return the values that probabilities and backoffs are rounded to, of each length from 2.

    Empty where nothing is rounded. The longest n-grams have no backoffs: one of 0 stands there.
    """
    found = []
    at = layout.quantiser + 8
    for length in range(2, order + 1) if layout.quantiser_floats else ():
        probabilities = np.frombuffer(data, "<f4", 1 << layout.prob_bits, at)
        at += probabilities.nbytes
        backoffs: FloatArray = np.zeros(1, np.float32)
        if length < order:
            backoffs = np.frombuffer(data, "<f4", 1 << layout.backoff_bits, at)
            at += backoffs.nbytes
        found.append((probabilities, backoffs))
    return found


def _numbers(hashes: npt.NDArray[np.uint64], words: Sequence[str]) -> IntArray:
    """Number words as the model does; 0 for those it does not know."""
    wanted = _murmur([word.encode("utf-8") for word in words])
    at = np.searchsorted(hashes, wanted)
    known = hashes[np.minimum(at, len(hashes) - 1)] == wanted
    return np.where(known, at + 1, 0).astype(np.int64)


def _murmur(words: Sequence[bytes]) -> npt.NDArray[np.uint64]:
    """Hash words as KenLM does (MurmurHash64A, seed 0), words of one length at once."""
    hashes = np.zeros(len(words), np.uint64)
    by_length: dict[int, list[int]] = {}
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
