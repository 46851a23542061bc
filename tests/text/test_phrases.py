"""A table of phrases and how they are written, by the same rules as those of the cases.

Marks outside of numbers are not compared, as they are the tagger's; commands are.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

import streamer
from streamer.dictation import load_commands
from streamer.text.model import TextModel, load_text_model
from streamer.text.writing import DictationWriter
from streamer.text.written import WrittenForm
from tests.support.written import without_marks

ROWS = [
    line.split("\t")
    for line in Path(__file__).with_name("phrases.tsv").read_text(encoding="utf-8").splitlines()[1:]
]
TABLE = load_commands()
MODEL = TextModel(load_text_model().casings)


def dictated(line: str) -> str:
    writer = DictationWriter(WrittenForm(MODEL), TABLE.find)
    writer.line(line)
    return writer.end().replace("\n", "⏎")


@pytest.mark.parametrize("what, spoken, written", ROWS)
def test_phrases(what: str, spoken: str, written: str) -> None:
    if what == "command":
        assert dictated(spoken).rstrip(".") == written.rstrip(".")
    elif what == "verbatim":
        assert without_marks(dictated(spoken)) == without_marks(written)
    else:
        assert without_marks(streamer.write_out(spoken, model=MODEL)) == without_marks(written)


def test_the_table_has_many_of_each_kind() -> None:
    kinds = Counter(what for what, _, _ in ROWS)
    assert set(kinds) == {
        "year", "digits", "number", "ordinal", "time", "capitals", "verbatim", "command"
    }  # fmt: skip
    assert min(kinds.values()) >= 25
