"""N-gram probabilities from a KenLM trie, looked up in the mapped file.

Only the entries that are needed are read, for many words at once. KenLM's tries store n-grams
backwards: below a word are the words that come before it, sorted by their numbers. These numbers
follow from a hash and are evenly distributed, so a position can be interpolated before it is
searched for. Scores are common logarithms, as in KenLM.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from streamer.arrays import FloatArray, IntArray
from streamer.decoding.language.kenlm_file import REPLACE_SCORER, KenlmHeader
from streamer.decoding.language.kenlm_layout import (
    UNIGRAM,
    TrieLayout,
    Windows,
    packed_windows,
    pointer_array,
    read_bits,
    trie_layout,
)
from streamer.decoding.language.kenlm_vocabulary import number_words
from streamer.errors import ScorerError

#: Entries read around an interpolated position; one read is nearly always enough.
_PROBE_ENTRIES = 16
_PROBES = np.arange(_PROBE_ENTRIES)
#: Marks a missing word or entry.
_NONE = -1


class NGramStates(NamedTuple):
    """The n-gram model's states after n texts.

    Attributes:
        words: int64 (n, order - 1), KenLM's numbers of the last words of each text, the latest
            first, as far as the model knows this sequence; -1 after these.
        backoffs: float32 (n, order - 1), backoffs of the last word, the last two words, and so
            on; 0 after these.
    """

    words: IntArray
    backoffs: FloatArray

    def take(self, rows: IntArray) -> NGramStates:
        """Return the states of some rows."""
        return NGramStates(self.words[rows], self.backoffs[rows])


class NGrams:
    """A KenLM trie.

    Args:
        data: the mapped file.
        header: its header, already checked.
        words: the words that will be looked up; their positions are their numbers.
        numbers: KenLM's numbers of the first of these words, if already known.

    Attributes:
        order: length of the longest n-grams.
        end: number of the end of a sentence.
        unigrams: probability of each word without context, float32 (n_words,).
    """

    def __init__(
        self,
        data: memoryview,
        header: KenlmHeader,
        words: Sequence[str],
        numbers: IntArray | None = None,
    ) -> None:
        layout = trie_layout(data, header.start, header.counts, header.kind)
        self._file = data.obj
        self.order = header.order
        self.end = len(words)
        self._layout = layout
        self._n_words = header.counts[0]
        self._word_bits = self._n_words.bit_length()
        self._word_mask = np.int64((1 << self._word_bits) - 1)
        unigrams = np.frombuffer(data, UNIGRAM, self._n_words + 2, layout.unigrams)
        self._probability, self._backoff = unigrams["probability"], unigrams["backoff"]
        self._first = unigrams["first"]
        # The tables of the bigrams to the longest n-grams: entries and their bits.
        self._bits = [*(table.bits for table in layout.middles), layout.longest_bits]
        self._entries = [
            *(packed_windows(data, t.packed, t.entries, t.bits) for t in layout.middles),
            packed_windows(data, layout.longest, header.counts[-1], layout.longest_bits),
        ]
        self._arrays = [pointer_array(data, table) for table in layout.middles]
        self._quantised = _quantised_values(data, layout, header.order)
        (n_hashes,) = struct.unpack_from("<Q", data, layout.vocabulary)
        hashes = np.frombuffer(data, "<u8", n_hashes, layout.vocabulary + 8)
        known = np.zeros(0, np.int64) if numbers is None else numbers
        others = number_words(hashes, [*words[len(known) :], "</s>"])
        self._numbers = np.concatenate([known, others.astype(known.dtype)])
        self._sentence_start = number_words(hashes, ["<s>"])
        self.unigrams: FloatArray = self._probability[self._numbers[:-1]]

    @property
    def numbers(self) -> IntArray:
        """KenLM's number of each word, int (n_words,); 0 for unknown words."""
        return self._numbers[:-1]

    def release_pages(self) -> None:
        """Remove the pages that were read from this process; they stay in the page cache."""
        # Systems without this advice only lose memory.
        if isinstance(self._file, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
            self._file.madvise(mmap.MADV_DONTNEED)

    def initial_states(self) -> NGramStates:
        """Return the state at the start of a sentence, a single row."""
        states = self._empty_states(1)
        states.words[:, 0] = self._sentence_start
        states.backoffs[:, 0] = self._backoff[self._sentence_start]
        return states

    def score(self, states: NGramStates, words: IntArray) -> tuple[NGramStates, FloatArray]:
        """Score the next words.

        Args:
            states: states of n texts.
            words: their next words, or `end`, int (n,).

        Returns:
            The states after these words, and their scores, float32 (n,).

        Raises:
            ScorerError: a pointer leads out of the file; large files are not checked before.
        """
        try:
            return self._score(states, words)
        except IndexError:
            raise ScorerError("the scorer's language model is damaged", REPLACE_SCORER) from None

    def _score(self, states: NGramStates, words: IntArray) -> tuple[NGramStates, FloatArray]:
        numbers = self._numbers[words]
        following = self._empty_states(len(words))
        following.words[:, 0] = numbers
        following.backoffs[:, 0] = self._backoff[numbers]
        scores = self._probability[numbers].copy()
        n_matched = np.zeros(len(words), np.int64)  # words of the context that were found
        begin, end = self._first[np.stack([numbers, numbers + 1])].astype(np.int64)
        rows = np.arange(len(words))
        for place in range(self.order - 1):
            before = states.words[rows, place]
            wanted = np.flatnonzero((before != _NONE) & (begin < end))
            if not len(wanted):
                break
            before = before[wanted]
            entry = self._find(place, before, begin[wanted], end[wanted])
            found = np.flatnonzero(entry != _NONE)
            if not len(found):
                break
            rows, entry = rows[wanted[found]], entry[found]
            probability, backoff = self._values(place, entry)
            scores[rows] = probability
            n_matched[rows] = place + 1
            if place + 2 < self.order:
                following.words[rows, place + 1] = before[found]
                following.backoffs[rows, place + 1] = backoff
                begin, end = self._pointers(place, np.stack([entry, entry + 1]))
        # Back off for the words of the context that were not found.
        backed_off = np.cumsum(states.backoffs[:, ::-1], axis=1)[:, ::-1]
        shorter = np.flatnonzero(n_matched < self.order - 1)
        scores[shorter] += backed_off[shorter, n_matched[shorter]]
        return following, scores

    def _empty_states(self, n: int) -> NGramStates:
        shape = (n, self.order - 1)
        return NGramStates(np.full(shape, _NONE, np.int64), np.zeros(shape, np.float32))

    def _find(self, place: int, words: IntArray, begin: IntArray, end: IntArray) -> IntArray:
        """Find words within ranges of a table by interpolation search.

        Args:
            place: the table.
            words: KenLM's numbers.
            begin: first entry of each range.
            end: one past its last entry.

        Returns:
            The entry of each word, -1 where there is none.
        """
        table, bits = self._entries[place].view("<i8"), self._bits[place]
        found = np.full(len(words), _NONE, np.int64)
        rows = np.arange(len(words))
        # Words right before and after the remaining range.
        low: IntArray | int = -1
        high: IntArray | int = self._n_words
        while len(rows):
            guess = begin + (words - low) * (end - begin) // (high - low)
            guess -= _PROBE_ENTRIES // 2
            first = np.maximum(np.minimum(guess, end - _PROBE_ENTRIES), begin)
            at = np.minimum(first[:, None] + _PROBES, end[:, None] - 1)
            bit = at * bits
            seen = table[bit >> 3]
            bit &= 7
            seen >>= bit  # signed: the mask removes the copies of the sign
            seen &= self._word_mask
            row, column = np.nonzero(seen == words[:, None])
            found[rows[row]] = at[row, column]
            # Continue only with the words that would come before or after those seen.
            lowest, highest = seen[:, 0], seen[:, -1]
            before, after = words < lowest, words > highest
            begin = np.where(after, first + _PROBE_ENTRIES, begin)
            end_ = np.where(before, first, end)
            remaining = np.flatnonzero((before | after) & (begin < end_))
            if not len(remaining):
                break
            high = np.where(before, lowest, high)[remaining]
            low = np.where(after, highest, low)[remaining]
            rows, words = rows[remaining], words[remaining]
            begin, end = begin[remaining], end_[remaining]
        return found

    def _values(self, place: int, entry: IntArray) -> tuple[FloatArray, FloatArray]:
        """Return probabilities and backoffs of entries; the longest n-grams have no backoffs."""
        table, bit = self._entries[place], entry * self._bits[place] + self._word_bits
        value = read_bits(table, bit)
        if not self._quantised:
            # The sign bit of probabilities, which are negative, is not stored.
            return _as_floats(value | np.uint64(1 << 31)), _as_floats(read_bits(table, bit + 31))
        probabilities, backoffs = self._quantised[place]
        backoff = backoffs[value & np.uint64(len(backoffs) - 1)]
        if place + 2 < self.order:
            value = value >> np.uint64(self._layout.backoff_bits)
        return probabilities[value & np.uint64(len(probabilities) - 1)], backoff

    def _pointers(self, place: int, entry: IntArray) -> IntArray:
        """Return the first longer n-gram of entries of any shape."""
        table = self._layout.middles[place]
        bit = entry * table.bits + (table.bits - table.pointer_bits)
        low = read_bits(self._entries[place], bit) & np.uint64((1 << table.pointer_bits) - 1)
        pointer: IntArray = low.astype(np.int64)
        array = self._arrays[place]
        if array is not None:
            high = np.searchsorted(array, entry.astype(np.uint64), side="right") - 1
            pointer |= high << table.pointer_bits
        return pointer


def _as_floats(bits: Windows) -> FloatArray:
    """Return the lowest 32 bits as single-precision numbers."""
    numbers: FloatArray = (bits & np.uint64(0xFFFFFFFF)).astype("<u4").view("<f4")
    return numbers


def _quantised_values(
    data: memoryview, layout: TrieLayout, order: int
) -> list[tuple[FloatArray, FloatArray]]:
    """Return the quantised probabilities and backoffs of each length from 2.

    Empty if scores are not quantised. The longest n-grams have a single backoff of 0.
    """
    values = []
    at = layout.quantiser + 8
    for length in range(2, order + 1) if layout.quantiser_floats else ():
        probabilities = np.frombuffer(data, "<f4", 1 << layout.prob_bits, at)
        at += probabilities.nbytes
        backoffs: FloatArray = np.zeros(1, np.float32)
        if length < order:
            backoffs = np.frombuffer(data, "<f4", 1 << layout.backoff_bits, at)
            at += backoffs.nbytes
        values.append((probabilities, backoffs))
    return values
