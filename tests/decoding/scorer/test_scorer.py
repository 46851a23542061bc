"""Scorer packages: reading, writing, and rejection of damaged files."""

from __future__ import annotations

import struct
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from streamer.decoding import Alphabet, read_scorer, write_scorer
from streamer.decoding.language.kenlm_file import HAS_WORDS_OFFSET, read_kenlm_header
from streamer.decoding.language.n_grams import NGrams
from streamer.decoding.scorer.fst import MAX_WORD_LETTERS, read_words, write_fst
from streamer.errors import ModelError, ScorerError
from tests.conftest import SHARED, needs_shared
from tests.support.paths import TINY_SCORER as TINY
from tests.support.posteriors import ENGLISH

#: Offset of the part after the language model in the tiny scorer.
PACKAGE = read_scorer(TINY).kenlm_size


def variant(folder: Path, content: bytes) -> Path:
    path = folder / "broken.scorer"
    path.write_bytes(content)
    return path


def use(path: Path) -> list[str]:
    return read_scorer(path).words(ENGLISH)


def test_a_package_has_its_attributes_and_words() -> None:
    scorer = read_scorer(TINY)
    assert (scorer.order, scorer.alpha, scorer.beta, scorer.utf8) == (3, 0.9, 1.2, False)
    words = scorer.words(ENGLISH)
    assert len(words) == scorer.n_words - 3  # <s>, </s> and <unk> are not words
    assert words == sorted(words)
    assert {"elizabeth", "microphone", "a", "the"} <= set(words)


@needs_shared
def test_the_word_list_of_the_original_package_is_its_vocabulary() -> None:
    scorer = read_scorer(SHARED / "reference" / "pruned_lm.scorer")
    vocabulary = (SHARED / "reference" / "vocab.pruned.txt").read_text().split()
    assert scorer.words(ENGLISH) == sorted(vocabulary)
    assert scorer.alpha == 0.75 and scorer.beta == pytest.approx(1.85) and scorer.order == 4


@needs_shared
def test_a_package_of_the_same_words_has_the_length_of_the_original(tmp_path: Path) -> None:
    original = SHARED / "reference" / "pruned_lm.scorer"
    scorer = read_scorer(original)
    ours = tmp_path / "ours.scorer"
    words = scorer.words(ENGLISH)
    write_scorer(ours, original, words, ENGLISH, scorer.alpha, scorer.beta)
    theirs, mine = original.read_bytes(), ours.read_bytes()
    assert len(theirs) == len(mine)  # as many states and arcs: the automaton is minimal
    assert theirs[: scorer.kenlm_size + 25] == mine[: scorer.kenlm_size + 25]
    assert use(ours) == words


def test_words_inside_the_language_model_are_left_out(tmp_path: Path) -> None:
    kenlm = TINY.read_bytes()[:PACKAGE]
    binary = tmp_path / "lm.binary"
    with_words = bytearray(kenlm + b"<unk>\0hello\0")
    with_words[HAS_WORDS_OFFSET] = 1
    binary.write_bytes(with_words)
    package = tmp_path / "lm.scorer"
    write_scorer(package, binary, ["hello", "world"], ENGLISH, 0.5, 1.5)
    assert package.read_bytes()[:PACKAGE] == kenlm
    assert use(package) == ["hello", "world"]
    with pytest.raises(ScorerError, match="words inside"):
        read_scorer(variant(tmp_path, bytes(with_words) + TINY.read_bytes()[PACKAGE:]))


def test_a_package_is_written_completely_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "lm.scorer"
    with pytest.raises(ModelError):
        write_scorer(target, TINY, ["naïve"], ENGLISH, 1.0, 1.0)
    with pytest.raises(ScorerError):
        write_scorer(target, TINY, [], ENGLISH, 1.0, 1.0)
    with pytest.raises(ScorerError):
        write_scorer(tmp_path / "no" / "folder.scorer", TINY, ["a"], ENGLISH, 1.0, 1.0)
    assert list(tmp_path.iterdir()) == []


@settings(max_examples=40, deadline=None)
@given(
    st.sets(st.text("abcde'", min_size=1, max_size=12), min_size=1, max_size=60), st.integers(0, 40)
)
def test_any_words_are_read_back(words: set[str], position: int) -> None:
    spelled = [[*ENGLISH.encode(word), ENGLISH.space] for word in words]
    data = bytes(position) + write_fst(spelled, position)
    blocks = read_words(memoryview(data), position, len(ENGLISH))
    found = [ENGLISH.decode(row).rstrip(" ") for block in blocks for row in block.tolist()]
    assert sorted(found) == sorted(words)


# -- malicious files -------------------------------------------------------------------------


def fst(states: list[tuple], arcs: list[tuple], start: int = 0) -> bytes:
    """Return a ConstFst of (final, first arc, arcs) and (label, next), valid or not."""
    head = struct.pack("<i", 2125659606) + struct.pack("<i5s", 5, b"const")
    head += struct.pack("<i8s", 8, b"standard")
    head += struct.pack("<iiQqqq", 1, 4, 0, start, len(states), len(arcs))
    head += bytes(-len(head) % 16)
    body = b"".join(
        struct.pack("<fIIII", 0.0 if final else np.inf, first, count, 0, 0)
        for final, first, count in states
    )
    body += bytes(-len(head + body) % 16)
    return head + body + b"".join(struct.pack("<iifi", a, a, 0.0, to) for a, to in arcs)


def test_half_a_million_words_are_read() -> None:
    # Four letters, any of 26 at each place, and the space.
    states = [(False, 26 * i, 26) for i in range(4)] + [(False, 104, 1), (True, 105, 0)]
    arcs = [(letter + 2, i + 1) for i in range(4) for letter in range(26)] + [(1, 5)]
    (block,) = read_words(memoryview(fst(states, arcs)), 0, len(ENGLISH))
    assert block.shape == (26**4, 5)
    assert len(np.unique(block[:, :4].astype(int) @ 27 ** np.arange(4))) == 26**4


@pytest.mark.parametrize(
    "data",
    [
        fst([(True, 0, 1)], [(2, 0)]),  # one letter, endlessly
        fst([(False, 0, 1), (True, 1, 1)], [(2, 1), (3, 0)]),  # two letters, endlessly
        fst(
            [(False, 0, 2)] + [(False, 2 * i, 2) for i in range(1, 100)] + [(True, 0, 0)],
            [(1 + i % 2, i // 2 + 1) for i in range(200)],
        ),  # 2 ** 100 words
        fst([(False, 0, 1), (True, 0, 0)], [(2, 7)]),  # to a missing state
        fst([(False, 0, 1), (True, 0, 0)], [(2, -1)]),
        fst([(False, 0, 9), (True, 0, 0)], [(2, 1)]),  # missing arcs
        fst([(False, 0, 1), (True, 0, 0)], [(77, 1)]),  # an unknown letter
        fst([(False, 0, 1), (True, 0, 0)], [(0, 1)]),  # epsilon
        fst([(False, 0, 1), (True, 0, 0)], [(2, 1)], start=5),
        fst([(False, 0, 1), (True, 0, 0)], [(2, 1)], start=-1),
    ],
)
def test_a_malicious_word_list_is_rejected(data: bytes) -> None:
    with pytest.raises(ScorerError):
        read_words(memoryview(data), 0, len(ENGLISH))


def test_a_word_list_with_impossible_counts_is_rejected() -> None:
    good = fst([(False, 0, 1), (True, 0, 0)], [(2, 1)])
    for offset in (49, 57):  # numbers of states and arcs
        for number in (-1, 1 << 62, 10**9):
            data = bytearray(good)
            data[offset : offset + 8] = struct.pack("<q", number)
            with pytest.raises(ScorerError):
                read_words(memoryview(data), 0, len(ENGLISH))


def test_words_may_be_long_but_not_endless() -> None:
    word = [2] * (MAX_WORD_LETTERS - 1)
    assert len(read_words(memoryview(write_fst([word], 0)), 0, 28)) == 1
    with pytest.raises(ScorerError):
        read_words(memoryview(write_fst([[*word, 2, 2, 2]], 0)), 0, 28)


@pytest.mark.parametrize("content", [b"", b"\0", b"not a scorer at all" * 100, bytes(100_000)])
def test_other_files_are_rejected(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(ScorerError) as caught:
        use(variant(tmp_path, content))
    assert "broken.scorer" in caught.value.what and "\n" not in str(caught.value)


def test_missing_files_and_folders_are_rejected(tmp_path: Path) -> None:
    for path in (tmp_path / "none.scorer", tmp_path):
        with pytest.raises(ScorerError):
            read_scorer(path)


def test_a_package_truncated_anywhere_is_rejected(tmp_path: Path) -> None:
    whole = TINY.read_bytes()
    lengths = [*range(1, 200, 7), *range(PACKAGE - 3, PACKAGE + 120), *range(200, len(whole), 997)]
    for length in [*lengths, len(whole) - 1]:
        with pytest.raises(ScorerError):
            use(variant(tmp_path, whole[:length]))


def test_other_versions_and_byte_models_are_rejected(tmp_path: Path) -> None:
    data = bytearray(TINY.read_bytes())
    data[PACKAGE + 4] = 5
    with pytest.raises(ScorerError, match="version 5"):
        read_scorer(variant(tmp_path, bytes(data)))
    data = bytearray(TINY.read_bytes())
    data[PACKAGE + 8] = 1
    scorer = read_scorer(variant(tmp_path, bytes(data)))
    assert scorer.utf8
    with pytest.raises(ScorerError, match="spell bytes"):
        scorer.words(ENGLISH)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.data())
def test_random_damage_raises_nothing_but_scorer_errors(
    tmp_path: Path, data: st.DataObject
) -> None:
    content = bytearray(TINY.read_bytes())
    for _ in range(data.draw(st.integers(1, 6))):
        # In the headers as often as anywhere.
        at = data.draw(
            st.one_of(
                st.integers(0, 160),
                st.integers(PACKAGE, PACKAGE + 110),
                st.integers(0, len(content) - 8),
            )
        )
        damage = data.draw(
            st.one_of(st.binary(min_size=1, max_size=8), st.just(b"\xff" * 8), st.just(bytes(8)))
        )
        content[at : at + len(damage)] = damage
    try:
        words = use(variant(tmp_path, bytes(content)))
    except ScorerError as error:
        assert "\n" not in str(error)
    else:
        assert len(words) < 100_000


def test_a_damaged_pointer_of_the_language_model_is_found(tmp_path: Path) -> None:
    unigrams = 136 + 8 + 8 * read_scorer(TINY).n_words + 8 + 4 * 256 * 3
    for number in (1 << 40, 0):
        data = bytearray(TINY.read_bytes())
        at = unigrams + 16 * 200 + 8  # where the bigrams of word 200 begin
        data[at : at + 8] = struct.pack("<Q", number)
        with pytest.raises(ScorerError, match="damaged"):
            read_scorer(variant(tmp_path, bytes(data)))


def test_a_damaged_pointer_of_a_large_language_model_is_found_on_use() -> None:
    scorer = read_scorer(TINY)
    words = scorer.words(ENGLISH)
    data = bytearray(TINY.read_bytes())
    unigrams = 136 + 8 + 8 * scorer.n_words + 8 + 4 * 256 * 3
    for word in range(scorer.n_words):
        data[unigrams + 16 * word + 8 : unigrams + 16 * word + 16] = struct.pack("<Q", word << 40)
    n_grams = NGrams(memoryview(data), read_kenlm_header(memoryview(data)), words)
    with pytest.raises(ScorerError, match="damaged"):
        for word in range(len(words)):
            n_grams.score(n_grams.initial_states(), np.array([word]))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_a_package_of_a_gigabyte_is_mapped_not_read(tmp_path: Path) -> None:
    # Headers of a trie of half a million words, real ends, and a hole between them.
    counts = (500_000, 30_000_000, 60_000_000)
    bits = [19 + 63 + counts[2].bit_length(), 19 + 31]
    path = tmp_path / "big.scorer"
    data = bytearray(TINY.read_bytes()[:136])
    data[96:100] = struct.pack("<i", 2)
    data[108:132] = struct.pack("<3Q", *counts)
    size = 136 + 8 + 8 * counts[0] + 16 * (counts[0] + 2)
    size += sum(((1 + n) * b + 7) // 8 + 8 for n, b in zip(counts[1:], bits))
    with path.open("wb") as file:
        file.write(data + struct.pack("<Q", 1))
        file.seek(size)
        file.write(struct.pack("<ii?dd", 0x54524945, 6, False, 1.0, 2.0))
        file.write(write_fst([[*ENGLISH.encode("word"), 0]], file.tell()))
    assert size > 700_000_000

    def resident() -> int:
        return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

    before = resident()
    scorer = read_scorer(path)
    assert scorer.kenlm_size == size and scorer.alpha == 1.0
    assert scorer.words(ENGLISH) == ["word"]
    assert resident() - before < 64 << 20


def test_a_word_list_of_no_words_has_none() -> None:
    for data in (write_fst([], 0), fst([(False, 0, 0)], [])):
        assert read_words(memoryview(data), 0, len(ENGLISH)) == []


@pytest.mark.parametrize(("offset", "number", "message"), [(25, 3, "3.4"), (29, 1, "1.1")])
def test_a_word_list_of_another_version_is_rejected(offset: int, number: int, message: str) -> None:
    data = bytearray(fst([(False, 0, 1), (True, 0, 0)], [(2, 1)]))
    data[offset : offset + 4] = struct.pack("<i", number)
    with pytest.raises(ScorerError, match=f"the unknown version {message}"):
        read_words(memoryview(data), 0, len(ENGLISH))


def test_words_of_labels_of_several_letters_are_spelled_in_full() -> None:
    labels = [label + label if label == "e" else label for label in ENGLISH.labels]
    doubled = {word.replace("e", "ee") for word in use(TINY)}
    assert set(read_scorer(TINY).words(Alphabet(labels))) == doubled


@pytest.mark.parametrize("offset", [9, 17])
def test_weights_that_are_not_numbers_are_rejected(tmp_path: Path, offset: int) -> None:
    data = bytearray(TINY.read_bytes())
    data[PACKAGE + offset : PACKAGE + offset + 8] = struct.pack("<d", float("nan"))
    with pytest.raises(ScorerError, match="weights are not numbers"):
        read_scorer(variant(tmp_path, bytes(data)))
