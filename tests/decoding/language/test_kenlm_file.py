"""Headers and tables of KenLM binaries: of other kinds, impossible, or damaged."""

from __future__ import annotations

import struct

import pytest

from streamer.decoding.language.kenlm_file import (
    HAS_WORDS_OFFSET,
    check_kenlm_tables,
    read_kenlm_header,
)
from streamer.decoding.language.kenlm_layout import ARRAY_TRIE, QUANT_TRIE, TRIE, trie_layout
from streamer.errors import ScorerError
from tests.support.paths import DATA

#: Order, kind of model, numbers of n-grams.
ORDER, KIND, COUNTS = HAS_WORDS_OFFSET - 12, HAS_WORDS_OFFSET - 4, HAS_WORDS_OFFSET + 8


def content(name: str) -> bytearray:
    return bytearray((DATA / "n-grams" / f"{name}.bin").read_bytes())


def reads(data: bytearray) -> None:
    view = memoryview(data)
    check_kenlm_tables(view, read_kenlm_header(view))


@pytest.mark.parametrize("name", ["plain", "arrays", "rounded", "arrays-rounded"])
def test_a_trie_of_every_kind_is_accepted(name: str) -> None:
    reads(content(name))


@pytest.mark.parametrize("order", [0, 1, 7, 255])
def test_an_impossible_order_is_refused(order: int) -> None:
    data = content("plain")
    data[ORDER] = order
    with pytest.raises(ScorerError, match=f"impossible order {order}"):
        reads(data)


@pytest.mark.parametrize("kind", [0, 1, 6])
def test_a_model_that_is_not_a_trie_is_refused_with_the_command_that_makes_one(kind: int) -> None:
    data = content("plain")
    data[KIND : KIND + 4] = struct.pack("<I", kind)
    with pytest.raises(ScorerError, match=f"kind {kind}, not a trie - .*build_binary trie"):
        reads(data)


@pytest.mark.parametrize("count", [0, 1 << 50])
def test_an_impossible_number_of_words_is_refused(count: int) -> None:
    data = content("plain")
    data[COUNTS : COUNTS + 8] = struct.pack("<Q", count)
    with pytest.raises(ScorerError, match="impossible number of words"):
        reads(data)


def test_a_header_without_its_counts_is_refused() -> None:
    data = content("plain")
    data[ORDER] = 6
    with pytest.raises(ScorerError, match="truncated"):
        reads(data[: COUNTS + 20])


@pytest.mark.parametrize("bits", [0, 26, 255])
def test_impossible_bits_of_rounded_scores_are_refused(bits: int) -> None:
    data = content("rounded")
    view = memoryview(data)
    header = read_kenlm_header(view)
    assert header.kind == QUANT_TRIE
    data[header.start + 8 + 8 * header.counts[0] + 1] = bits
    with pytest.raises(ScorerError, match="truncated or damaged"):
        reads(data)


@pytest.mark.parametrize("set_to", [0, 1], ids=["before the others", "past the longer n-grams"])
def test_a_pointer_that_leads_elsewhere_is_found(set_to: int) -> None:
    data = content("plain")
    header = read_kenlm_header(memoryview(data))
    assert header.kind == TRIE
    table = trie_layout(memoryview(data), header.start, header.counts, header.kind).middles[0]
    end = (table.entries + 1) * table.bits  # of the last pointer, which is one past all entries
    for bit in range(end - table.pointer_bits, end):
        data[table.packed + bit // 8] &= ~(1 << bit % 8) & 0xFF
        data[table.packed + bit // 8] |= set_to << bit % 8
    with pytest.raises(ScorerError, match="is damaged"):
        reads(data)


def test_pointers_whose_high_bits_run_backwards_are_found() -> None:
    data = content("arrays")
    header = read_kenlm_header(memoryview(data))
    assert header.kind == ARRAY_TRIE
    tables = trie_layout(memoryview(data), header.start, header.counts, header.kind).middles
    table = next(table for table in tables if table.array)
    data[table.array : table.array + 8] = struct.pack("<Q", 1)  # has to begin with the first
    with pytest.raises(ScorerError, match="is damaged"):
        reads(data)
