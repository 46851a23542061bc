"""Choice of the sentences that synthetic speech says."""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from streamer.errors import UsageError
from streamer.training.language.held_out import HeldOutFilter
from streamer.training.language.prompts import prompts
from streamer.training.language.scorer import open_text

#: Share of prompts: spellings, numbers, commands.
_PROMPTS_SHARE = 0.15
#: Sentences drawn for each one that is said.
_CANDIDATES = 12
#: Approximate lengths of recordings, in words; sentences are joined to reach them.
_LENGTHS = (4, 8, 12, 16, 20, 26, 32)
#: Lengths of usable sentences, in words; a clip must be shorter than 20 s.
_SHORTEST, _LONGEST = 3, 32
#: Sentences kept of a text.
_MAX_SENTENCES = 100_000
#: Sentences of each text whose words are spelled out, and the number of such words.
_SPELLED_SENTENCES, _SPELLED_WORDS = 5000, 5000


class Coverage:
    """Chooses sentences so that common word pairs are said early and often enough.

    The score of a pair of neighbouring words is log(1 + count in the texts) / (1 + times said);
    the score of a sentence is the mean of its pairs' scores.

    Args:
        lines: the texts, words separated by single spaces.
    """

    def __init__(self, lines: Iterable[str]) -> None:
        self._counts: Counter[tuple[str, str]] = Counter()
        for line in lines:
            self._counts.update(_word_pairs(line))
        self._said: Counter[tuple[str, str]] = Counter()

    def choose(self, candidates: Sequence[str]) -> str:
        """Return the sentence with the highest score, and count it as said."""
        best = max(candidates, key=self._score)
        self._said.update(_word_pairs(best))
        return best

    def _score(self, line: str) -> float:
        pairs = _word_pairs(line)
        scores = [math.log1p(self._counts[pair]) / (1 + self._said[pair]) for pair in pairs]
        return sum(scores) / len(scores)


def _word_pairs(line: str) -> list[tuple[str, str]]:
    """Return pairs of neighbouring words; "" stands for both ends of the sentence."""
    words = ["", *line.split(), ""]
    return list(zip(words, words[1:]))


def sentences(
    texts: Sequence[Path], seed: int, held_out: HeldOutFilter | None = None
) -> Iterator[str]:
    """Yield sentences to say, endlessly; joined sentences are separated by ", ".

    Args:
        texts: one normalised sentence per line; each file has the same share, whatever its size.
        seed: random seed.
        held_out: sentences that overlap with it are never said.

    Raises:
        UsageError: a text has no sentence of a usable length.
    """
    rng = random.Random(seed)
    chosen = [_sample(path, rng, held_out) for path in texts]
    coverage = Coverage(line for lines in chosen for line in lines)
    words = sorted(
        {word for lines in chosen for line in lines[:_SPELLED_SENTENCES] for word in line.split()}
    )
    spelled = prompts(10**9, rng.sample(words, min(_SPELLED_WORDS, len(words))), seed)
    while True:
        parts: list[str] = []
        if rng.random() < _PROMPTS_SHARE:
            parts = [next(spelled) for _ in range(rng.choice((1, 3)))]
        else:
            lines, wanted = rng.choice(chosen), rng.choice(_LENGTHS)
            while sum(len(part.split()) for part in parts) < 0.6 * wanted:
                parts.append(coverage.choose([rng.choice(lines) for _ in range(_CANDIDATES)]))
        yield ", ".join(parts)


def _sample(path: Path, rng: random.Random, held_out: HeldOutFilter | None) -> list[str]:
    """Return usable sentences of a text; all are equally likely (reservoir sampling)."""
    kept: list[str] = []
    with open_text(path) as lines:
        usable = (line.strip() for line in lines if _SHORTEST <= len(line.split()) <= _LONGEST)
        for count, line in enumerate(usable):
            if len(kept) < _MAX_SENTENCES:
                kept.append(line)
            else:
                place = rng.randrange(count + 1)
                if place < _MAX_SENTENCES:
                    kept[place] = line
    if held_out is not None:
        kept = list(held_out.filter(kept))
    if not kept:
        raise UsageError(
            f"{path}: no sentence of {_SHORTEST} to {_LONGEST} words",
            "give texts of one sentence per line",
        )
    return kept
