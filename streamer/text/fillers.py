"""Words that are left out of the written form on request: fillers and repetitions."""

from __future__ import annotations

from collections.abc import Sequence

#: Sounds of hesitation; all of them would be no words in a text.
FILLERS = frozenset("um umm uh uhh uhm er erm hm hmm mm mhm".split())
#: Words that are repeated by mistake only. Others may be meant: "very very good", "he had had".
_STUTTERED = frozenset(
    "a an the i we you he she it they i'm it's that's and but or if so to of in on at for "
    "with from by is was are were my your his her our their this these those what when where "
    "who can could would should will".split()
)  # fmt: skip


def without_fillers(words: Sequence[str]) -> list[int]:
    """Return the places of the words that are written.

    Each word is judged by those before it alone, so that what is left out of a stream stays out.
    Of "in the in the house" and "the the house" the repetition is left out.

    Args:
        words: lower case.
    """
    kept: list[int] = []
    for place, word in enumerate(words):
        if word in FILLERS:
            continue
        if word in _STUTTERED and kept and words[kept[-1]] == word:
            continue
        kept.append(place)
    return kept
