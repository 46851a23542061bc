"""Text models are scored on recordings by the words that were heard right."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from streamer.text.casings import Casings
from streamer.text.model import TextModel
from streamer.text.tags import MARKS
from streamer.training.text_model.recordings import (
    marks_of,
    pauses_by_mark,
    read_recordings,
    right_words,
    score,
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "lines.tsv").write_text("path\tline\na/one.opus\tWe went home. They, too.\n")
    spoken = [("we", 0.0, 0.2), ("want", 0.3, 0.5), ("home", 0.6, 0.8), ("they", 1.8, 2.0)]
    words = [{"word": w, "start": a, "end": b, "confidence": 1.0} for w, a, b in spoken]
    events = [
        {"type": "partial"},
        {"type": "final", "words": words},
        {"type": "final", "words": []},
    ]
    text = "".join(json.dumps(event) + "\n" for event in events)
    (tmp_path / "one.jsonl").write_text(text)
    return tmp_path


def test_words_that_were_misheard_do_not_count(folder: Path) -> None:
    (recording,) = read_recordings(folder / "lines.tsv", folder)
    assert list(right_words(recording)) == [(0, 0), (2, 2), (3, 3)]


def test_scores_and_pauses(folder: Path) -> None:
    recordings = list(read_recordings(folder / "lines.tsv", folder))
    model = TextModel(Casings())
    assert [MARKS[mark] for mark in marks_of(model, recordings[0], True)] == ["", "", "", "."]
    assert score(model, recordings, True).marks[2].there == 1
    assert pauses_by_mark(recordings)["."] == [pytest.approx(1.0)]
