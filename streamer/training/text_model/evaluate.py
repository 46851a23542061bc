"""How good a text model is: ``python -m streamer.training.text_model.evaluate MODEL CORPUS FILES``.

Held-out text goes through the streaming path word by word, without pauses and without ends of
utterances; a paragraph's end has to be guessed like any other sentence's. Marks and capitals are
compared with the printed ones, and with capitals where our sentences begin and nowhere else.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from streamer.text.model import TextModel, load_text_model
from streamer.text.options import WritingOptions
from streamer.text.tags import ENDS, MARKS
from streamer.text.written import WrittenForm
from streamer.training.text_model.corpus import Token, read_lines, tokens
from streamer.training.text_model.scoring import Score, Scores, counted

#: Words that go through a stream before it begins anew.
STREAM_WORDS = 400
#: Words that come with each partial.
STEP_WORDS = 3
HELD_OUT = ("held-out-author", "held-out-year", "held-out-dialogue", "held-out-show")


def streams(lines: Sequence[str]) -> Iterator[list[Token]]:
    """Yield running words, in paragraphs that follow each other."""
    words: list[Token] = []
    for line in lines:
        words += tokens(line)
        if len(words) >= STREAM_WORDS:
            yield words
            words = []


def write_stream(model: TextModel, words: Sequence[str], lags: list[int]) -> list[str]:
    """Return each word as it is written, with the mark behind it.

    Args:
        model: the text model.
        words: lower case.
        lags: gets how many words wait for their decision after each partial.
    """
    form = WrittenForm(model, WritingOptions(numbers=False))
    shown = ""
    for known in range(STEP_WORDS, len(words), STEP_WORDS):
        stable = form.partial(words[:known], known).stable
        assert stable.startswith(shown)
        shown = stable
        lags.append(known - len(stable.split()))
    text = form.final(words).text
    assert text.startswith(shown)
    return (text + form.close()).split(" ")


def evaluate(model: TextModel, lines: Sequence[str], lags: list[int]) -> dict[str, Score]:
    """Score text by mark, and capitals; see the module and `write_stream`."""
    said: list[int] = []
    there: list[int] = []
    capitals: list[tuple[bool, bool, bool]] = []
    for stream in streams(lines):
        written = write_stream(model, [token.surface.lower() for token in stream], lags)
        begins = True
        for token, text in zip(stream, written):
            mark = MARKS.index(text[-1]) if text[-1] in MARKS else 0
            said.append(mark)
            there.append(token.mark)
            if not token.unsure:
                capitals.append((text[0].isupper(), token.surface[0].isupper(), begins))
            begins = MARKS[mark] in ENDS
    scores = counted(np.array(said), np.array(there))
    result = {MARKS[k]: score for k, score in enumerate(scores.marks) if k}
    result["end of sentence"] = _ends(np.array(said), np.array(there))
    result["capitals"] = _capitals([(ours, true) for ours, true, _ in capitals])
    result["capitals at our beginnings only"] = _capitals([(b, true) for _, true, b in capitals])
    return result


def _ends(said: np.ndarray, there: np.ndarray) -> Score:
    ends = [MARKS.index(mark) for mark in ENDS]
    return _capitals(list(zip(np.isin(said, ends).tolist(), np.isin(there, ends).tolist())))


def _capitals(pairs: Sequence[tuple[bool, bool]]) -> Score:
    return Score(
        sum(ours and true for ours, true in pairs),
        sum(ours for ours, _ in pairs),
        sum(true for _, true in pairs),
    )


def main(arguments: list[str] | None = None) -> None:
    """Print a table of scores, and write it as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--lines", type=int, default=10**9, help="of each set, at most")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(arguments)
    model = load_text_model(options.model)
    table = {}
    for name in HELD_OUT:
        if not (options.corpus / f"{name}.txt").exists():
            continue
        lines = read_lines(options.corpus / f"{name}.txt")[: options.lines]
        lags: list[int] = []
        began = time.process_time()
        scores = evaluate(model, lines, lags)
        n_words = sum(line.count(" ") + 1 for line in lines)
        ms = 1000 * (time.process_time() - began) / n_words
        table[name] = {key: _row(score) for key, score in scores.items()}
        print(f"{name}: {n_words:,} words, {np.mean(lags):.1f} undecided, {ms:.2f} ms a word")
        for key, score in scores.items():
            row = _row(score)
            print(
                f"  {key:32} F1 {row['f1']:.3f}  precision {row['precision']:.3f}"
                f"  recall {row['recall']:.3f}  of {score.there:,}"
            )
    if options.json:
        options.json.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")


def _row(score: Score) -> dict[str, float]:
    return {
        "f1": round(score.f1, 3),
        "precision": round(score.right / max(1, score.said), 3),
        "recall": round(score.right / max(1, score.there), 3),
    }


__all__ = ["Scores", "evaluate", "main", "streams", "write_stream"]

if __name__ == "__main__":
    main()
