"""The count of false and missed commands."""

from __future__ import annotations

from pathlib import Path
from random import Random

from benchmarks.spoken_commands import false_commands, missed, read_sentences
from streamer.dictation import load_commands

TABLE = load_commands()
SENTENCES = [["we", "went", "home"], ["they", "saw", "the", "river"]]


def test_commands_that_nobody_said_are_counted() -> None:
    assert not false_commands(SENTENCES, TABLE, Random(0))
    alone = [["new", "line"], ["full", "stop"]]
    assert false_commands(alone, TABLE, Random(0)) == {"new line": 1, "full stop": 1}


def test_commands_that_are_not_carried_out_are_counted() -> None:
    assert missed(SENTENCES, "comma", TABLE, True, Random(0)) == 0
    assert missed(SENTENCES, "comma", TABLE, False, Random(0)) == 2
    assert missed([["this", "is", "the"]], "period", TABLE, False, Random(0)) == 1


def test_sentences_are_read_from_all_files(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.txt").write_text(f"{name} b c\nno\n", encoding="utf-8")
    found = read_sentences([tmp_path / "a.txt", tmp_path / "b.txt"], 2, Random(0))
    assert found == [["a", "b", "c"], ["b", "b", "c"]]
