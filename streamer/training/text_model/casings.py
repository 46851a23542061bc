"""Makes the lexicon of casings; ``python -m streamer.training.text_model.casings --help``."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from streamer.text.casings import TITLES
from streamer.text.numbers.vocabulary import NUMBER_WORDS
from streamer.text.tags import MARKS
from streamer.training.text_model.corpus import count_surfaces, read_lines, tokens

#: A word that is rarer than this in the corpus is not judged.
FEWEST = 6
#: Share of capitals from which on a word always has them.
ALWAYS = 0.93
#: The same of a pair whose words have none alone.
PAIR_ALWAYS = 0.9
FEWEST_PAIRS = 6
_HEADER = """\
# Words and pairs of words that English writes with capitals wherever they stand.
# Counted from Project Gutenberg books (public domain in the USA), ELTeC (CC BY 4.0), speeches of
# US presidents (public domain), the Schema-Guided Dialogue data and Taskmaster-4 (CC BY-SA 4.0,
# CC BY 4.0) and transcripts of the Changelog's podcasts (CC BY-SA 4.0), where no sentence begins.
"""


def main(arguments: list[str] | None = None) -> None:
    """Write the lexicon."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("output", type=Path)
    options = parser.parse_args(arguments)
    names = ("books", "speeches", "dialogue", "podcasts")
    entries = always_capital([read_lines(options.corpus / f"{name}.txt") for name in names])
    options.output.write_text(_HEADER + "\n".join(sorted(entries)) + "\n", encoding="utf-8")
    print(f"{len(entries):,} entries")


def always_capital(texts: Sequence[list[str]]) -> list[str]:
    """Return the words, then the pairs of words, that have capitals wherever they stand.

    Args:
        texts: lines of the corpus by kind of text; a word is judged in each, as one that names a
            program to those who write programs is an ordinary word elsewhere.
    """
    counts = [count_surfaces(lines) for lines in texts]
    words = {}
    for word in sorted({word for each in counts for word in each}):
        if len(word) < 2 or word in TITLES:
            continue
        there = [each[word] for each in counts if word in each]
        forms = sum(there, Counter())
        best, _ = max(forms.items(), key=lambda item: (item[1], item[0]))
        judged = [each for each in there if sum(each.values()) >= FEWEST]
        if (
            best != word
            and sum(forms.values()) >= FEWEST
            and all(_has_capitals(each, word) for each in [forms, *judged])
        ):
            words[word] = best
    # Possessives come from their words.
    words = {w: b for w, b in words.items() if not (w.endswith("'s") and w[:-2] in words)}
    return [*words.values(), *_pairs((line for lines in texts for line in lines), words)]


def _has_capitals(forms: Counter[str], word: str) -> bool:
    return forms[word] <= (1 - ALWAYS) * sum(forms.values())


def _pairs(lines: Iterable[str], words: dict[str, str]) -> list[str]:
    together: Counter[tuple[str, str]] = Counter()
    capital: dict[tuple[str, str], Counter[str]] = {}
    for line in lines:
        before = None
        for token in tokens(line):
            plain = token.begins or token.unsure
            if before is not None and not token.begins:
                pair = (before.surface.lower(), token.surface.lower())
                both = before.surface[0].isupper() and token.surface[0].isupper()
                together[pair] += not before.begins or not both
                if both and not before.begins:
                    capital.setdefault(pair, Counter())[f"{before.surface} {token.surface}"] += 1
            before = None if plain and token.unsure else token
            if MARKS[token.mark]:
                before = None
    return [
        forms.most_common(1)[0][0]
        for (a, b), forms in sorted(capital.items())
        if (count := sum(forms.values())) >= FEWEST_PAIRS
        and count >= PAIR_ALWAYS * together[a, b]
        and not (a in words and b in words)
        and a not in TITLES
        and a not in NUMBER_WORDS  # "Thirty Mile" would catch "a hundred and thirty mile walk"
        and "'" not in a + b
        and len(a) > 1
        and len(b) > 1
    ]


if __name__ == "__main__":
    main()
