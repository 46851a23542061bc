"""How long the KenLM part of a file is, read from its header.

A ``.scorer`` package is a KenLM binary with more behind it, and only KenLM's
header tells where the rest begins. The sizes follow KenLM's file format 5 (its
``lm/binary_format.cc``, ``lm/trie.cc``, ``lm/bhiksha.cc``, ``lm/quantize.hh``).
Big tables are not read here: they stay on the disk until they are mapped by
whoever asks for probabilities.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from streamer.errors import ScorerError

#: What every KenLM binary of format 5 begins with: its name, then numbers that
#: show whether it was written by a machine of the same kind.
_MAGIC = b"mmap lm http://kheafield.com/code format version 5\n\0"
_SANITY = struct.pack("<56s3f3IQ", _MAGIC, 0.0, 1.0, -0.5, 1, 0xFFFFFFFF, 0, 1)

#: Order, probing multiplier, kind of model, whether words follow, version of the search.
_FIXED = struct.Struct("<B3xfI?3xI")

#: Where the byte "words follow the tables" stands.
HAS_WORDS_OFFSET = len(_SANITY) + 12

#: KenLM as everyone builds it stops at 6-grams.
_MAX_ORDER = 6

#: More n-grams than a file can hold on any disk that this runs on.
_MAX_COUNT = 1 << 40

#: Tables up to this size are checked to the last pointer: it takes a second or less.
MAX_CHECKED_BYTES = 64 << 20

#: Pointers checked at once: few enough to stay in the processor's cache.
_BLOCK = 1 << 16

_TRIE, _QUANT_TRIE, _ARRAY_TRIE, _QUANT_ARRAY_TRIE = 2, 3, 4, 5

#: What to do about a damaged scorer.
REPLACE_SCORER = "copy or download the scorer again, or build it anew"


@dataclass(frozen=True)
class KenlmHeader:
    """What the header of a KenLM binary says.

    Attributes:
        order: longest n-gram.
        counts: n-grams of each length; the first counts the words.
        kind: number of the kind of model in KenLM's code.
        start: where the tables begin.
        size: bytes of header and tables, without the words that may follow.
        has_words: whether the words follow the tables.
    """

    order: int
    counts: tuple[int, ...]
    kind: int
    start: int
    size: int
    has_words: bool


def read_kenlm_header(data: memoryview) -> KenlmHeader:
    """Read the header of a KenLM binary.

    Args:
        data: the file (mapped, say); only headers are touched.

    Raises:
        ScorerError: not such a file, or shorter than its header says.
    """
    start = len(_SANITY) + _FIXED.size
    if len(data) < start + 16 or bytes(data[: len(_SANITY)]) != _SANITY:
        raise ScorerError("It does not begin with a KenLM language model", REPLACE_SCORER)
    order, _, kind, has_words, _ = _FIXED.unpack_from(data, len(_SANITY))
    if not 2 <= order <= _MAX_ORDER:
        raise ScorerError(f"Its language model claims to be of order {order}", REPLACE_SCORER)
    header = -(-(start + 8 * order) // 8) * 8
    if len(data) < header:
        raise ScorerError("Its language model is cut off", REPLACE_SCORER)
    counts = struct.unpack_from(f"<{order}Q", data, start)
    if max(counts) > _MAX_COUNT or min(counts[:2]) < 1:
        raise ScorerError("Its language model claims an impossible number of words", REPLACE_SCORER)
    if kind not in (_TRIE, _QUANT_TRIE, _ARRAY_TRIE, _QUANT_ARRAY_TRIE):
        # Hash tables (kinds 0 and 1) cannot be checked without reading all of them.
        raise ScorerError(
            f"Its language model is of KenLM's kind {kind}, not a trie",
            "build it with build_binary trie, as DeepSpeech's scorers are",
        )
    try:
        size = trie_layout(data, header, counts, kind).end
    except (struct.error, OverflowError, ValueError):
        raise ScorerError("Its language model is cut off or damaged", REPLACE_SCORER) from None
    if size > len(data):
        raise ScorerError(
            f"Its language model needs {size} bytes, the file has {len(data)}", REPLACE_SCORER
        )
    return KenlmHeader(order, counts, kind, header, size, has_words)


def check_kenlm_tables(data: memoryview, header: KenlmHeader) -> None:
    """Check that no pointer of a language model leads outside its tables.

    KenLM trusts its files: it would read elsewhere in memory, or search for ever.
    The pointers of tables beyond `MAX_CHECKED_BYTES` are not looked at, because
    that would read what is only to be mapped; their ends are.

    Raises:
        ScorerError: a damaged table.
    """
    layout = trie_layout(data, header.start, header.counts, header.kind)
    words = header.counts[0]
    (listed,) = struct.unpack_from("<Q", data, layout.vocabulary)
    unigrams = np.frombuffer(
        data, [("weights", "<f4", 2), ("next", "<u8")], words + 1, layout.unigrams
    )
    quantiser = np.frombuffer(data, "<f4", layout.quantiser_floats, layout.quantiser + 8)
    sound = (
        listed <= words
        and _are_ranges(unigrams["next"], header.counts[1])
        and not (
            np.isnan(quantiser).any()
            or np.isposinf(quantiser).any()
            or not np.isfinite(unigrams["weights"]).all()
        )
    )
    for middle in layout.middles if header.size <= MAX_CHECKED_BYTES else ():
        sound = sound and _are_middle_pointers_sound(data, middle)
    if not sound:
        raise ScorerError("Its language model is damaged", REPLACE_SCORER)


def _are_middle_pointers_sound(data: memoryview, middle: MiddleTable) -> bool:
    """Whether the pointers of the n-grams of one length bound ranges of the longer ones."""
    # High bits: entry i of the array is the first n-gram whose pointer has them equal to i.
    array = np.frombuffer(data, "<u8", middle.array_entries, middle.array)
    if len(array) and (array[0] != 0 or (array[1:] < array[:-1]).any()):
        return False
    length = packed_size(middle.entries, middle.bits)
    # A window of 8 bytes at every byte: KenLM reads unaligned too.
    windows: npt.NDArray[np.uint64] = np.ndarray(
        (length - 7,), "<u8", data[middle.packed : middle.packed + length], strides=(1,)
    )
    mask = np.uint64((1 << middle.pointer_bits) - 1)
    for start in range(0, middle.entries, _BLOCK):
        # One more than the block: each pointer ends where the next one begins.
        stop = min(start + _BLOCK, middle.entries) + 1
        bit = np.arange(start, stop, dtype=np.uint64) * np.uint64(middle.bits)
        bit += np.uint64(middle.bits - middle.pointer_bits)
        pointers = windows[bit >> np.uint64(3)] >> (bit & np.uint64(7))
        pointers &= mask
        if len(array):
            first, last = np.searchsorted(array, (start, stop - 1), side="right").tolist()
            steps = np.bincount((array[first:last] - np.uint64(start)).astype(np.int64))
            high = np.full(stop - start, first - 1, np.uint64)
            high[: len(steps)] += np.cumsum(steps).astype(np.uint64)
            high[len(steps) :] += np.uint64(last - first)
            pointers |= high << np.uint64(middle.pointer_bits)
        if not _are_ranges(pointers, middle.following):
            return False
    return True


def _are_ranges(pointers: npt.NDArray[np.uint64], end: int) -> bool:
    """Whether each pointer and the next one bound a range within a table."""
    return bool((pointers[1:] >= pointers[:-1]).all() and pointers[-1] <= end)


@dataclass(frozen=True)
class MiddleTable:
    """Where the n-grams of one length stand that longer ones continue.

    Attributes:
        entries: how many there are.
        following: how many n-grams are one longer.
        array: offset of the table of high bits of pointers, 0 without one.
        array_entries: length of that table.
        packed: offset of the bit-packed entries.
        bits: of an entry.
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
    """Offsets and bits in a model of sorted tables; ``end`` is one past the last."""

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


def trie_layout(data: memoryview, header: int, counts: tuple[int, ...], kind: int) -> TrieLayout:
    """Work out a model of sorted tables, quantised or not, pointers compressed or not."""
    at = quantiser = header + 8 + 8 * counts[0]
    floats = prob_bits = backoff_bits = 0
    middle_bits, longest_bits = 63, 31
    if kind in (_QUANT_TRIE, _QUANT_ARRAY_TRIE):
        _, prob_bits, backoff_bits = struct.unpack_from("<3B", data, at)
        if not (1 <= prob_bits <= 25 and 1 <= backoff_bits <= 25):
            raise ValueError("quantisation bits")
        middle_bits, longest_bits = prob_bits + backoff_bits, prob_bits
        floats = (len(counts) - 2) * ((1 << prob_bits) + (1 << backoff_bits)) + (1 << prob_bits)
        at += 8 + 4 * floats
    unigrams = at
    at += 16 * (counts[0] + 2)
    arrays = kind in (_ARRAY_TRIE, _QUANT_ARRAY_TRIE) and len(counts) > 2
    most_chopped = struct.unpack_from("<2B", data, at)[1] if arrays else 0
    word_bits = counts[0].bit_length()
    middles = []
    for entries, following in zip(counts[1:-1], counts[2:]):
        pointer_bits = following.bit_length()
        array = array_entries = 0
        if arrays:
            pointer_bits -= _chopped_bits(entries + 1, following, most_chopped)
            array_entries = (following >> pointer_bits) + 1
            array = -(-at // 8) * 8 + 8
            at += 8 * (1 + array_entries) + 7
        bits = word_bits + middle_bits + pointer_bits
        middles.append(
            MiddleTable(entries, following, array, array_entries, at, bits, pointer_bits)
        )
        at += packed_size(entries, bits)
    return TrieLayout(
        vocabulary=header,
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
    """Bytes of a bit-packed table, with the entry and the word that KenLM adds."""
    return ((1 + entries) * bits + 7) // 8 + 8


def _chopped_bits(entries: int, largest: int, most: int) -> int:
    """How many high bits of its pointers KenLM moves to a table of their own."""
    required = largest.bit_length()
    costs = [
        (largest >> (required - chop)) * 64 - entries * chop
        for chop in range(min(required, most) + 1)
    ]
    return costs.index(min(costs))
