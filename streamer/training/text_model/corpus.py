"""The corpus in arrays: words, the marks behind them, their case."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from streamer.text.tags import MARKS, Case
from streamer.text.vocabulary import Vocabulary
from streamer.training.text_model.normalise import UNSURE

#: A case that is not to be learnt: a sentence begins there, or nobody knows.
NO_CASE = -1
#: A word in capitals that is so often small elsewhere is stressed, not an acronym.
_STRESSED = 0.2


@dataclass(frozen=True)
class Token:
    """A word of the corpus.

    Attributes:
        surface: as it is printed.
        mark: index into `MARKS`.
        begins: whether a paragraph or a sentence begins with it.
        unsure: its capital says nothing.
    """

    surface: str
    mark: int
    begins: bool
    unsure: bool


@dataclass(frozen=True)
class Words:
    """Running text.

    Attributes:
        numbers: of the words, int32 (n,).
        marks: after each word, index into `MARKS`, int8 (n,).
        cases: of each word, int8 (n,), `NO_CASE` where there is none to learn.
        paragraph_ends: bool (n,).
    """

    numbers: npt.NDArray[np.int32]
    marks: npt.NDArray[np.int8]
    cases: npt.NDArray[np.int8]
    paragraph_ends: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.numbers)


def tokens(line: str) -> Iterator[Token]:
    """Yield the words of a line."""
    begins = True
    for text in line.split():
        unsure = text.startswith(UNSURE)
        text = text.lstrip(UNSURE)
        mark = MARKS.index(text[-1]) if text[-1] in MARKS else 0
        surface = text[:-1] if mark else text
        yield Token(surface, mark, begins, unsure)
        begins = MARKS[mark] == "."


def read_lines(path: Path) -> list[str]:
    """Return the paragraphs of a corpus file."""
    with path.open(encoding="utf-8") as file:
        return [line.rstrip("\n") for line in file if line.strip()]


def count_words(lines: Iterable[str]) -> Counter[str]:
    """Count words in lower case."""
    counts: Counter[str] = Counter()
    for line in lines:
        counts.update(token.surface.lower() for token in tokens(line))
    return counts


def count_surfaces(lines: Iterable[str]) -> dict[str, Counter[str]]:
    """Count how each word is printed where no sentence begins."""
    counts: dict[str, Counter[str]] = {}
    for line in lines:
        before = 0
        for token in tokens(line):
            if not token.begins and not token.unsure and MARKS[before] not in ("?", "!", ":"):
                counts.setdefault(token.surface.lower(), Counter())[token.surface] += 1
            before = token.mark
    return counts


def stressed_words(surfaces: dict[str, Counter[str]]) -> set[str]:
    """Return words that are small often enough for capitals to be stress."""
    return {
        word
        for word, forms in surfaces.items()
        if len(word) > 1 and forms[word] > _STRESSED * sum(forms.values())
    }


def encode(lines: Sequence[str], vocabulary: Vocabulary, stressed: set[str]) -> Words:
    """Turn lines into arrays."""
    numbers, marks, cases, ends = array("i"), array("b"), array("b"), array("b")
    for line in lines:
        for token in tokens(line):
            word = token.surface.lower()
            numbers.append(vocabulary.number(word))
            marks.append(token.mark)
            cases.append(_case(token, word, stressed))
            ends.append(0)
        if ends:
            ends[-1] = 1
    return Words(
        np.array(numbers, dtype=np.int32),
        np.array(marks, dtype=np.int8),
        np.array(cases, dtype=np.int8),
        np.array(ends, dtype=np.bool_),
    )


def _case(token: Token, word: str, stressed: set[str]) -> int:
    if token.begins or token.unsure:
        return NO_CASE
    if token.surface == word:
        return Case.LOWER.value
    if len(word) > 1 and token.surface.isupper():
        return NO_CASE if word in stressed else Case.UPPER.value
    return Case.CAPITAL.value
