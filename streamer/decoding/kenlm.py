"""How long the KenLM part of a file is, read from its header.

A ``.scorer`` package is a KenLM binary with more behind it, and only KenLM's
header tells where the rest begins. The sizes follow KenLM's file format 5 (its
``lm/binary_format.cc``, ``lm/trie.cc``, ``lm/bhiksha.cc``, ``lm/quantize.hh``).
Nothing but headers is read here: the tables stay on the disk until they are
mapped by whoever asks for probabilities.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Tuple

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

_PROBING, _TRIE, _QUANT_TRIE, _ARRAY_TRIE, _QUANT_ARRAY_TRIE = 0, 2, 3, 4, 5

_TODO = "copy or download the scorer again, or build it anew"


@dataclass(frozen=True)
class KenlmHeader:
    """What the header of a KenLM binary says.

    Attributes:
        order: longest n-gram.
        counts: n-grams of each length; the first counts the words.
        size: bytes of header and tables, without the words that may follow.
        has_words: whether the words follow the tables.
    """

    order: int
    counts: Tuple[int, ...]
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
        raise ScorerError("It does not begin with a KenLM language model", _TODO)
    order, multiplier, kind, has_words, _ = _FIXED.unpack_from(data, len(_SANITY))
    if not 2 <= order <= _MAX_ORDER:
        raise ScorerError(f"Its language model claims to be of order {order}", _TODO)
    header = -(-(start + 8 * order) // 8) * 8
    if len(data) < header:
        raise ScorerError("Its language model is cut off", _TODO)
    counts = struct.unpack_from(f"<{order}Q", data, start)
    if max(counts) > _MAX_COUNT or min(counts[:2]) < 1:
        raise ScorerError("Its language model claims an impossible number of words", _TODO)
    try:
        if kind == _PROBING:
            tables = _probing_size(counts, multiplier)
        elif kind in (_TRIE, _QUANT_TRIE, _ARRAY_TRIE, _QUANT_ARRAY_TRIE):
            tables = _trie_size(data, header, counts, kind)
        else:
            raise ScorerError(f"Its language model is of the unknown kind {kind}", _TODO)
    except (struct.error, OverflowError, ValueError):
        raise ScorerError("Its language model is cut off or damaged", _TODO) from None
    if header + tables > len(data):
        raise ScorerError(
            f"Its language model needs {header + tables} bytes, the file has {len(data)}", _TODO
        )
    return KenlmHeader(order, counts, header + tables, has_words)


def _probing_size(counts: Tuple[int, ...], multiplier: float) -> int:
    """Bytes of a model of hash tables."""
    if not 1.0 <= multiplier <= 100.0:
        raise ValueError("probing multiplier")

    def buckets(entries: int) -> int:
        return max(entries + 1, int(multiplier * entries))

    size = 8 + 12 * buckets(counts[0]) + 8 * (counts[0] + 1)
    size += sum(16 * buckets(count) for count in counts[1:-1])
    return size + 12 * buckets(counts[-1])


def _trie_size(data: memoryview, header: int, counts: Tuple[int, ...], kind: int) -> int:
    """Bytes of a model of sorted tables, quantised or not, pointers compressed or not."""
    vocabulary = 8 + 8 * counts[0]
    unigrams = 16 * (counts[0] + 2)
    if kind in (_QUANT_TRIE, _QUANT_ARRAY_TRIE):
        _, prob_bits, backoff_bits = struct.unpack_from("<3B", data, header + vocabulary)
        if not (1 <= prob_bits <= 25 and 1 <= backoff_bits <= 25):
            raise ValueError("quantisation bits")
        longest = 4 << prob_bits
        quantiser = (len(counts) - 2) * (longest + (4 << backoff_bits)) + longest + 8
        middle_bits, longest_bits = prob_bits + backoff_bits, prob_bits
    else:
        quantiser, middle_bits, longest_bits = 0, 63, 31
    size: int = vocabulary + quantiser + unigrams
    array_bits = 0
    if kind in (_ARRAY_TRIE, _QUANT_ARRAY_TRIE) and len(counts) > 2:
        _, array_bits = struct.unpack_from("<2B", data, header + size)
    word_bits = counts[0].bit_length()
    for count, following in zip(counts[1:-1], counts[2:]):
        pointer_bits = following.bit_length()
        if kind in (_ARRAY_TRIE, _QUANT_ARRAY_TRIE):
            chopped = _chopped_bits(count + 1, following, array_bits)
            pointer_bits -= chopped
            size += 8 * (1 + (following >> pointer_bits) + 1) + 7
        size += _packed_size(count, word_bits + middle_bits + pointer_bits)
    return size + _packed_size(counts[-1], word_bits + longest_bits)


def _packed_size(entries: int, bits: int) -> int:
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
