"""Collections as their repositories have them."""

from __future__ import annotations

from pathlib import Path

import pytest

from streamer.training.text_model.normalise import written_line
from streamer.training.text_model.prepare import set_of
from streamer.training.text_model.sources import documents

TRANSCRIPT = """\
**Jerod Santo:** \\[03:54\\] What is up, *party* people? \\[laughter\\]

We&#39;re live on [the site](https://example.com) today...

**Break:** \\[00:48\\]

**Suz Hinton:** It's new... Which is odd -- But I like it - a lot.
"""


@pytest.fixture
def transcripts(tmp_path: Path) -> Path:
    folder = tmp_path / "transcripts"
    for show in ("podcast", "founderstalk", "news"):
        (folder / show).mkdir(parents=True)
        (folder / show / "one.md").write_text(TRANSCRIPT, encoding="utf-8")
    (folder / "README.md").write_text("Not a transcript.\n", encoding="utf-8")
    return tmp_path


def test_shows_that_are_spoken(transcripts: Path) -> None:
    found = {document.author: set_of(document) for document in documents(transcripts)}
    assert found == {"podcast": "podcasts", "founderstalk": "held-out-show"}


def test_what_was_said(transcripts: Path) -> None:
    document = next(iter(documents(transcripts)))
    assert [written_line(said) for said in document.paragraphs()] == [
        "What is up, party people?",
        "We're live on the site today.",
        "It's new. Which is odd. But I like it, a lot.",
    ]
