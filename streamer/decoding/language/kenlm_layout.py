"""Layout of the tries in a KenLM binary: offsets, bit widths, and packed integers.

Follows KenLM's file format 5 (its ``lm/trie.cc``, ``lm/bhiksha.cc``, ``lm/quantize.hh``).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from streamer.arrays import IntArray

#: KenLM's numbers of the tries: plain, with quantised scores, with pointers whose high bits are
#: in arrays, with both.
TRIE, QUANT_TRIE, ARRAY_TRIE, QUANT_ARRAY_TRIE = 2, 3, 4, 5

#: An entry of the unigrams; ``first`` is the first bigram that ends with the word.
UNIGRAM = np.dtype([("probability", "<f4"), ("backoff", "<f4"), ("first", "<u8")])

#: Unsigned 64-bit words, one at every byte of a table.
Windows = npt.NDArray[np.uint64]


@dataclass(frozen=True)
class MiddleTable:
    """The table of the n-grams of one length, between unigrams and the longest.

    Attributes:
        entries: number of n-grams.
        following: number of n-grams that are one word longer.
        array: offset of the array of the pointers' high bits, 0 if there is none.
        array_entries: length of that array.
        packed: offset of the bit-packed entries.
        bits: bits per entry.
        pointer_bits: low bits of a pointer, at the end of an entry.
    """

    entries: int
    following: int
    array: int
    array_entries: int
    packed: int
    bits: int
    pointer_bits: int


@dataclass(frozen=True)
class TrieLayout:
    """Offsets and bit widths of a trie.

    Attributes:
        vocabulary: offset of the number of hashed words; their hashes follow.
        quantiser: offset of the quantisation tables.
        quantiser_floats: number of values in these, 0 if scores are not quantised.
        prob_bits: bits of a quantised probability.
        backoff_bits: bits of a quantised backoff.
        unigrams: offset of the `UNIGRAM` entries.
        middles: tables of the bigrams up to the second longest n-grams.
        longest: offset of the longest n-grams.
        longest_bits: bits per entry of these.
        end: offset of the first byte after the trie.
    """

    vocabulary: int
    quantiser: int
    quantiser_floats: int
    prob_bits: int
    backoff_bits: int
    unigrams: int
    middles: tuple[MiddleTable, ...]
    longest: int
    longest_bits: int
    end: int


def trie_layout(data: memoryview, start: int, counts: tuple[int, ...], kind: int) -> TrieLayout:
    """Compute the layout of a trie.

    Args:
        data: the file.
        start: offset of the first byte after the header.
        counts: number of n-grams of each length.
        kind: KenLM's number of the trie.

    Raises:
        ValueError: impossible bit widths.
        struct.error: the file is too short.
    """
    at = quantiser = start + 8 + 8 * counts[0]
    floats = prob_bits = backoff_bits = 0
    middle_bits, longest_bits = 63, 31
    if kind in (QUANT_TRIE, QUANT_ARRAY_TRIE):
        _, prob_bits, backoff_bits = struct.unpack_from("<3B", data, at)
        if not (1 <= prob_bits <= 25 and 1 <= backoff_bits <= 25):
            raise ValueError("quantisation bits")
        middle_bits, longest_bits = prob_bits + backoff_bits, prob_bits
        floats = (len(counts) - 2) * ((1 << prob_bits) + (1 << backoff_bits)) + (1 << prob_bits)
        at += 8 + 4 * floats
    unigrams = at
    at += UNIGRAM.itemsize * (counts[0] + 2)
    arrays = kind in (ARRAY_TRIE, QUANT_ARRAY_TRIE) and len(counts) > 2
    max_array_bits = struct.unpack_from("<2B", data, at)[1] if arrays else 0
    word_bits = counts[0].bit_length()
    middles = []
    for entries, following in zip(counts[1:-1], counts[2:]):
        pointer_bits = following.bit_length()
        array = array_entries = 0
        if arrays:
            pointer_bits -= _array_bits(entries + 1, following, max_array_bits)
            array_entries = (following >> pointer_bits) + 1
            array = -(-at // 8) * 8 + 8
            at += 8 * (1 + array_entries) + 7
        bits = word_bits + middle_bits + pointer_bits
        middles.append(
            MiddleTable(entries, following, array, array_entries, at, bits, pointer_bits)
        )
        at += packed_size(entries, bits)
    return TrieLayout(
        vocabulary=start,
        quantiser=quantiser,
        quantiser_floats=floats,
        prob_bits=prob_bits,
        backoff_bits=backoff_bits,
        unigrams=unigrams,
        middles=tuple(middles),
        longest=at,
        longest_bits=word_bits + longest_bits,
        end=at + packed_size(counts[-1], word_bits + longest_bits),
    )


def packed_size(entries: int, bits: int) -> int:
    """Return the bytes of a bit-packed table, with KenLM's extra entry and word."""
    return ((1 + entries) * bits + 7) // 8 + 8


def _array_bits(entries: int, largest: int, most: int) -> int:
    """Return how many high bits of its pointers KenLM moves to an array: the cheapest number."""
    required = largest.bit_length()
    costs = [
        (largest >> (required - bits)) * 64 - entries * bits
        for bits in range(min(required, most) + 1)
    ]
    return costs.index(min(costs))


def packed_windows(data: memoryview, start: int, entries: int, bits: int) -> Windows:
    """Return a bit-packed table as 8-byte words, one at every byte; KenLM reads unaligned too."""
    length = packed_size(entries, bits)
    windows: Windows = np.ndarray((length - 7,), "<u8", data[start : start + length], strides=(1,))
    return windows


def read_bits(windows: Windows, bit: IntArray) -> Windows:
    """Return the bits from the given positions on, at least 57 of them."""
    bits: Windows = windows[bit >> 3] >> (bit & 7).astype(np.uint64)
    return bits


def pointer_array(data: memoryview, table: MiddleTable) -> Windows | None:
    """Return the array of the pointers' high bits, None if there is none.

    Its entry i is the first n-gram whose pointer has high bits of i or more.
    """
    if not table.array_entries:
        return None
    return np.frombuffer(data, "<u8", table.array_entries, table.array)
