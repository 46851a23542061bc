"""Leaves: the table, its file, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Callable

import numpy as np
import pytest

from streamer.decoding import create_decoder
from streamer.decoding.lexicon.leaves import Leaves, read_leaves, write_leaves
from streamer.decoding.lexicon.letter_to_sound import PHONEMES
from streamer.errors import ModelError
from tests.support.leaves import random_leaves, untied
from tests.support.paths import TINY_SCORER
from tests.support.posteriors import ENGLISH


def test_leaves_know_their_phonemes() -> None:
    leaves = Leaves(np.array([[0, 2], [1, 2], [0, 2]]))
    assert len(leaves) == 3
    assert leaves.phonemes.tolist() == [0, 0, 1]
    assert leaves.first.tolist() == [0, 2]
    assert leaves.of([0, 0, 1, 0]) == [0, 0, 2, 1]
    assert leaves.of([]) == []


def test_leaves_are_read_as_they_were_written(tmp_path: Path) -> None:
    leaves = random_leaves(np.random.default_rng(0), len(PHONEMES), 40)
    write_leaves(leaves, tmp_path / "leaves.txt")
    found = read_leaves(tmp_path / "leaves.txt")
    np.testing.assert_array_equal(found.table, leaves.table)
    np.testing.assert_array_equal(found.phonemes, leaves.phonemes)


@pytest.mark.parametrize(
    "table",
    [
        [[0, 1], [0, 1]],
        [0, 1],
        [[0, 1], [0, 1], [0, 3]],
        [[1, 0], [1, 0], [1, 0]],
        [[0, 0], [0, 1], [0, 1]],
        [[-1, 0], [-1, 0], [-1, 0]],
    ],
    ids=["too few rows", "no table", "a gap", "another order", "two phonemes", "negative"],
)
def test_a_table_that_is_none_is_refused(table: list[list[int]]) -> None:
    with pytest.raises(ValueError, match=r"table|leaves"):
        Leaves(np.array(table))


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "another first line": lambda text: b"streamer lexicon 1" + text[17:],
    "cut": lambda text: text[: len(text) // 2],
    "one line more": lambda text: text + text.splitlines(keepends=True)[1],
    "one number less": lambda text: text.replace(b" 38\n", b"\n", 1),
    "no number": lambda text: text.replace(b" 38\n", b" x\n", 1),
    "a negative number": lambda text: text.replace(b" 38\n", b" -1\n", 1),
    "a large number": lambda text: text.replace(b" 38\n", b" 9999999999999999999999\n", 1),
    "a number out of order": lambda text: text.replace(b" 38\n", b" 37\n"),
    "too long": lambda text: text + b" " * 40_000,
    "not ASCII": lambda text: text.replace(b" 38\n", b" \xd9\xa3\n", 1),
    "empty": lambda text: b"",
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_a_damaged_file_is_refused_in_a_line(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "leaves.txt"
    write_leaves(untied(len(PHONEMES)), path)
    path.write_bytes(DAMAGE[kind](path.read_bytes()))
    with pytest.raises(ModelError, match="cannot be read") as caught:
        read_leaves(path)
    assert "\n" not in str(caught.value)


def test_a_network_with_other_leaves_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "leaves.txt"
    write_leaves(untied(len(PHONEMES)), path)
    lexicon = tmp_path / "none.gz"
    with pytest.raises(ModelError, match="500 leaves, their table 39"):
        create_decoder(
            "beam", ENGLISH, TINY_SCORER, lexicon_path=lexicon, n_phonemes=501, leaves_path=path
        )
