"""How a word that no dictionary has is probably spoken: letter-to-sound rules.

A rule is a letter with some of its neighbours, and the phonemes it stands for
there. The neighbours are taken in the order of `NEIGHBOURS`; of all rules that
fit a letter the one with the most neighbours counts, as in the IGTree of
Daelemans and van den Bosch (1997). `streamer.training.language.letter_to_sound` learns
them from a pronouncing dictionary.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping

#: The phonemes of the CMU pronouncing dictionary, without the digits that mark stress.
PHONEMES: tuple[str, ...] = tuple(
    "AA AE AH AO AW AY B CH D DH EH ER EY F G HH IH IY JH K L M N NG "
    "OW OY P R S SH T TH UH UW V W Y Z ZH".split()
)

#: Places of a letter's neighbours, the most telling first.
NEIGHBOURS = (1, -1, 2, -2, 3, -3, 4, -4, 5)

#: Stands for what is before the first letter and after the last.
EDGE = "_"

#: A way to say a word, by numbers in `PHONEMES`.
Pronunciation = tuple[int, ...]


def contexts(word: str, index: int) -> Iterator[str]:
    """Yield a letter alone, then with one neighbour more each time."""
    reach = max(NEIGHBOURS)
    padded = EDGE * reach + word + EDGE * reach
    at = index + reach
    key = padded[at]
    yield key
    for place in NEIGHBOURS:
        key += padded[at + place]
        yield key


class LetterToSound:
    """Letter-to-sound rules.

    Args:
        rules: the phonemes for a context as `contexts` gives it.
    """

    def __init__(self, rules: Mapping[str, Pronunciation]) -> None:
        self.rules: dict[str, Pronunciation] = dict(rules)

    def pronounce(self, word: str) -> Pronunciation:
        """Return how a word is probably spoken; letters without any rule are silent."""
        return self.variants(word, 1)[0]

    def variants(self, word: str, most: int) -> list[Pronunciation]:
        """Return ways in which a word may be spoken, the likeliest first.

        In the others one letter or two stand for what a rule with fewer neighbours says.

        Args:
            word: the word.
            most: how many ways at most.
        """
        answers: list[list[Pronunciation]] = []
        for index in range(len(word)):
            found = [self.rules[c] for c in contexts(word, index) if c in self.rules]
            answers.append(list(dict.fromkeys(reversed(found))) or [()])
        others = [(i, answer) for i, known in enumerate(answers) for answer in known[1:3]]
        ways: dict[Pronunciation, None] = {}
        for count in range(3):
            for changes in itertools.combinations(others, count):
                if len(ways) == most:
                    return list(ways)
                chosen = dict(changes)
                if len(chosen) == count:
                    parts = [chosen.get(i, known[0]) for i, known in enumerate(answers)]
                    ways[tuple(itertools.chain.from_iterable(parts))] = None
        return list(ways)
