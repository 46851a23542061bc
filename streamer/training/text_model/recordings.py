"""Scores a text model with the pauses of real recordings.

``python -m streamer.training.text_model.recordings MODEL LINES EVENTS`` takes what was printed
(a table of ``path`` and ``line``, as in the corpus) and what ``streamer transcribe --format jsonl
--output-dir EVENTS`` heard. The words that were heard right count; with the pauses between
words, and without them, as if no times were known.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path

import numpy as np

from streamer.text.decisions import Times
from streamer.text.model import TextModel, load_text_model
from streamer.text.options import WritingOptions
from streamer.text.tags import MARKS
from streamer.text.written import WrittenForm
from streamer.training.text_model.corpus import Token, tokens
from streamer.training.text_model.scoring import Scores, counted


@dataclass(frozen=True)
class Recording:
    """A recording that was recognised.

    Attributes:
        printed: its words.
        utterances: words and times of each final.
    """

    printed: list[Token]
    utterances: list[tuple[list[str], Times]]


def read_recordings(lines: Path, events: Path) -> Iterator[Recording]:
    """Yield the recordings for which there are events."""
    for row in lines.read_text(encoding="utf-8").splitlines()[1:]:
        path, line = row.split("\t")
        heard = events / f"{Path(path).stem}.jsonl"
        if heard.exists():
            yield Recording(list(tokens(line)), list(_utterances(heard)))


def _utterances(path: Path) -> Iterator[tuple[list[str], Times]]:
    for line in path.read_text(encoding="utf-8").splitlines():
        event = json.loads(line)
        if event["type"] == "final" and event["words"]:
            words = event["words"]
            yield [w["word"] for w in words], [(w["start"], w["end"]) for w in words]


def marks_of(model: TextModel, recording: Recording, with_times: bool) -> list[int]:
    """Return the mark behind each word that was heard, as an index into `MARKS`."""
    form = WrittenForm(model, WritingOptions(numbers=False))
    text = ""
    for words, times in recording.utterances:
        written = form.final(words, times if with_times else None)
        text += (written.join or "") + written.text
    text += form.close()
    return [MARKS.index(word[-1]) if word[-1] in MARKS else 0 for word in text.split()]


def right_words(recording: Recording) -> Iterator[tuple[int, int]]:
    """Yield places of the words that were heard right: heard, printed."""
    heard = [word for words, _ in recording.utterances for word in words]
    printed = [token.surface.lower() for token in recording.printed]
    matcher = SequenceMatcher(None, heard, printed, autojunk=False)
    for block in matcher.get_matching_blocks():
        yield from ((block.a + k, block.b + k) for k in range(block.size))


def score(model: TextModel, recordings: list[Recording], with_times: bool) -> Scores:
    """Score the marks behind all words that were heard right, but for a recording's last."""
    said: list[int] = []
    there: list[int] = []
    for recording in recordings:
        marks = marks_of(model, recording, with_times)
        for heard, printed in right_words(recording):
            if printed + 1 < len(recording.printed):
                said.append(marks[heard])
                there.append(recording.printed[printed].mark)
    return counted(np.array(said), np.array(there))


def pauses_by_mark(recordings: list[Recording]) -> dict[str, list[float]]:
    """Return the pauses, in seconds, behind words that were heard right, by the printed mark."""
    found: dict[str, list[float]] = {mark: [] for mark in MARKS}
    for recording in recordings:
        times = [time for _, each in recording.utterances for time in each]
        for heard, printed in right_words(recording):
            if heard + 1 < len(times):
                pause = times[heard + 1][0] - times[heard][1]
                found[MARKS[recording.printed[printed].mark]].append(pause)
    return found


def main(arguments: list[str] | None = None) -> None:
    """Print scores with and without pauses, and how long the pauses are."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("lines", type=Path)
    parser.add_argument("events", type=Path)
    options = parser.parse_args(arguments)
    recordings = list(read_recordings(options.lines, options.events))
    for mark, pauses in pauses_by_mark(recordings).items():
        if pauses:
            shares = np.percentile(pauses, [10, 25, 50, 75, 90]).round(2).tolist()
            print(f"{mark or 'none':5} {len(pauses):5} pauses, 10/25/50/75/90 %: {shares}")
    model = load_text_model(options.model)
    for name, with_times in (("with pauses", True), ("without", False)):
        print(name, score(model, recordings, with_times).summary())


if __name__ == "__main__":
    main()
