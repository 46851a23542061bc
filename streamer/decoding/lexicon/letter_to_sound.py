"""Letter-to-sound rules: pronunciations of words that are in no dictionary.

A rule maps a letter in the context of some of its neighbours to phonemes. Neighbours are added
in the order of `NEIGHBOURS`; of all rules that match, the one with the most neighbours applies,
as in the IGTree of Daelemans and van den Bosch (1997). The rules are learned from a pronouncing
dictionary by `streamer.training.language.letter_to_sound`.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping

#: The phonemes of the CMU pronouncing dictionary, without the digits that mark stress.
PHONEMES: tuple[str, ...] = tuple(
    "AA AE AH AO AW AY B CH D DH EH ER EY F G HH IH IY JH K L M N NG "
    "OW OY P R S SH T TH UH UW V W Y Z ZH".split()
)

#: Positions of a letter's neighbours, the most informative first.
NEIGHBOURS = (1, -1, 2, -2, 3, -3, 4, -4, 5)

#: Marks positions before the first letter and after the last.
EDGE = "_"

#: A pronunciation: indices into `PHONEMES`.
Pronunciation = tuple[int, ...]


def contexts(word: str, index: int) -> Iterator[str]:
    """Yield the contexts of a letter: alone, then with one more neighbour each time."""
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
        rules: the phonemes of a context, as yielded by `contexts`.
    """

    def __init__(self, rules: Mapping[str, Pronunciation]) -> None:
        self.rules: dict[str, Pronunciation] = dict(rules)

    def pronounce(self, word: str) -> Pronunciation:
        """Return the likeliest pronunciation; letters without a rule are silent."""
        return self.variants(word, 1)[0]

    def variants(self, word: str, limit: int) -> list[Pronunciation]:
        """Return possible pronunciations, the likeliest first.

        In all but the first, one or two letters follow a rule with fewer neighbours.

        Args:
            word: the word.
            limit: maximum number of pronunciations.
        """
        choices: list[list[Pronunciation]] = []  # of each letter, the likeliest first
        for index in range(len(word)):
            found = [self.rules[c] for c in contexts(word, index) if c in self.rules]
            choices.append(list(dict.fromkeys(reversed(found))) or [()])
        others = [(i, other) for i, choice in enumerate(choices) for other in choice[1:3]]
        pronunciations: dict[Pronunciation, None] = {}
        for count in range(3):
            for changes in itertools.combinations(others, count):
                if len(pronunciations) == limit:
                    return list(pronunciations)
                changed = dict(changes)
                if len(changed) == count:
                    parts = [changed.get(i, choice[0]) for i, choice in enumerate(choices)]
                    pronunciations[tuple(itertools.chain.from_iterable(parts))] = None
        return list(pronunciations)
