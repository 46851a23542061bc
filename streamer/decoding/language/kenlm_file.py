"""Header and integrity check of a KenLM binary.

A ``.scorer`` package is a KenLM binary followed by other data, and only KenLM's header tells
where these begin. It follows KenLM's file format 5 (its ``lm/binary_format.cc``). Large tables
are not read here; they stay on disk until they are mapped for lookups.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np

from streamer.arrays import Array
from streamer.decoding.language.kenlm_layout import (
    ARRAY_TRIE,
    QUANT_ARRAY_TRIE,
    QUANT_TRIE,
    TRIE,
    UNIGRAM,
    MiddleTable,
    packed_windows,
    pointer_array,
    trie_layout,
)
from streamer.errors import ScorerError

#: Start of every KenLM binary of format 5: its name, then numbers that only read back
#: unchanged on a machine of the same kind.
_MAGIC = b"mmap lm http://kheafield.com/code format version 5\n\0"
_SANITY = struct.pack("<56s3f3IQ", _MAGIC, 0.0, 1.0, -0.5, 1, 0xFFFFFFFF, 0, 1)

#: Order, probing multiplier, kind of model, whether words follow, version of the search.
_FIXED = struct.Struct("<B3xfI?3xI")

#: Offset of the byte that says whether words follow the tables.
HAS_WORDS_OFFSET = len(_SANITY) + 12

#: KenLM's usual limit.
_MAX_ORDER = 6

#: More n-grams than any disk holds.
_MAX_COUNT = 1 << 40

#: Tables up to this size are checked to the last pointer, which takes a second at most.
MAX_CHECKED_BYTES = 64 << 20

#: Pointers checked at once: few enough for the processor's cache.
_BLOCK = 1 << 16

#: Advice for a damaged scorer.
REPLACE_SCORER = "copy, download or build the scorer again"


@dataclass(frozen=True)
class KenlmHeader:
    """Header of a KenLM binary.

    Attributes:
        order: length of the longest n-grams.
        counts: number of n-grams of each length; the first is the number of words.
        kind: KenLM's number of the kind of model.
        start: offset of the tables.
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
        data: the file, usually mapped; only headers are read.

    Raises:
        ScorerError: not a KenLM trie, or shorter than its header says.
    """
    fixed_end = len(_SANITY) + _FIXED.size
    if len(data) < fixed_end + 16 or bytes(data[: len(_SANITY)]) != _SANITY:
        raise ScorerError("it does not begin with a KenLM language model", REPLACE_SCORER)
    order, _, kind, has_words, _ = _FIXED.unpack_from(data, len(_SANITY))
    if not 2 <= order <= _MAX_ORDER:
        raise ScorerError(f"its language model has the impossible order {order}", REPLACE_SCORER)
    start = -(-(fixed_end + 8 * order) // 8) * 8
    if len(data) < start:
        raise ScorerError("its language model is truncated", REPLACE_SCORER)
    counts = struct.unpack_from(f"<{order}Q", data, fixed_end)
    if max(counts) > _MAX_COUNT or min(counts[:2]) < 1:
        raise ScorerError("its language model has an impossible number of words", REPLACE_SCORER)
    if kind not in (TRIE, QUANT_TRIE, ARRAY_TRIE, QUANT_ARRAY_TRIE):
        # Hash tables (kinds 0 and 1) cannot be checked without reading all of them.
        raise ScorerError(
            f"its language model is of KenLM's kind {kind}, not a trie",
            "build it with build_binary trie, like DeepSpeech's scorers",
        )
    try:
        size = trie_layout(data, start, counts, kind).end
    except (struct.error, OverflowError, ValueError):
        raise ScorerError("its language model is truncated or damaged", REPLACE_SCORER) from None
    if size > len(data):
        raise ScorerError(
            f"its language model needs {size} bytes, the file has {len(data)}", REPLACE_SCORER
        )
    return KenlmHeader(order, counts, kind, start, size, has_words)


def check_kenlm_tables(data: memoryview, header: KenlmHeader) -> None:
    """Check that no pointer of a language model leads outside its tables.

    A lookup would otherwise read elsewhere in memory, or never end. Of tables beyond
    `MAX_CHECKED_BYTES` only the ends are checked, so that the file is not read as a whole.

    Raises:
        ScorerError: a damaged table.
    """
    layout = trie_layout(data, header.start, header.counts, header.kind)
    n_words = header.counts[0]
    (n_hashes,) = struct.unpack_from("<Q", data, layout.vocabulary)
    unigrams = np.frombuffer(data, UNIGRAM, n_words + 1, layout.unigrams)
    quantiser = np.frombuffer(data, "<f4", layout.quantiser_floats, layout.quantiser + 8)
    valid = (
        1 <= n_hashes <= n_words
        and _are_ranges(unigrams["first"], header.counts[1])
        and not np.isnan(quantiser).any()
        and not np.isposinf(quantiser).any()
        and all(np.isfinite(unigrams[name]).all() for name in ("probability", "backoff"))
    )
    for table in layout.middles if header.size <= MAX_CHECKED_BYTES else ():
        valid = valid and _has_valid_pointers(data, table)
    if not valid:
        raise ScorerError("its language model is damaged", REPLACE_SCORER)


def _has_valid_pointers(data: memoryview, table: MiddleTable) -> bool:
    """Whether the pointers of the n-grams of one length bound ranges of the longer ones."""
    array = pointer_array(data, table)
    if array is not None and (array[0] != 0 or (array[1:] < array[:-1]).any()):
        return False
    windows = packed_windows(data, table.packed, table.entries, table.bits)
    mask = np.uint64((1 << table.pointer_bits) - 1)
    for start in range(0, table.entries, _BLOCK):
        # One more than the block: each pointer's range ends where the next begins.
        stop = min(start + _BLOCK, table.entries) + 1
        bit = np.arange(start, stop, dtype=np.uint64) * np.uint64(table.bits)
        bit += np.uint64(table.bits - table.pointer_bits)
        pointers = windows[bit >> np.uint64(3)] >> (bit & np.uint64(7))
        pointers &= mask
        if array is not None:
            first, last = np.searchsorted(array, (start, stop - 1), side="right").tolist()
            steps = np.bincount((array[first:last] - np.uint64(start)).astype(np.int64))
            high = np.full(stop - start, first - 1, np.uint64)
            high[: len(steps)] += np.cumsum(steps).astype(np.uint64)
            high[len(steps) :] += np.uint64(last - first)
            pointers |= high << np.uint64(table.pointer_bits)
        if not _are_ranges(pointers, table.following):
            return False
    return True


def _are_ranges(pointers: Array, end: int) -> bool:
    """Whether each pointer and the next bound a range within a table of a given length."""
    return bool((pointers[1:] >= pointers[:-1]).all() and pointers[-1] <= end)
