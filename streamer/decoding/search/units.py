"""How the beam search finds words in a network's outputs: by their letters or their sounds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np

from streamer.arrays import FloatArray
from streamer.decoding.alphabet import Alphabet
from streamer.decoding.lexicon.letter_to_sound import PHONEMES
from streamer.decoding.lexicon.lexicon import Lexicon
from streamer.errors import ModelError

#: Below this a probability counts as this much, so that its logarithm is finite.
_FLOOR = 1e-30

#: Ways to say a user's word that no dictionary has.
_GUESSES = 100


class TokenEvent(NamedTuple):
    """A token that a hypothesis has heard.

    Attributes:
        token: its number.
        frame: the frame where it was first heard.
        word: the word that it completes, if any.
    """

    token: int
    frame: int
    word: str | None


class AlignedText(NamedTuple):
    """What a hypothesis says, as in `streamer.decoding.search.contract.Candidate`.

    Attributes:
        text: characters.
        frames: where each was heard.
        labels: the column of the probabilities that speaks for each.
    """

    text: str
    frames: tuple[int, ...]
    labels: tuple[int, ...]


class WordUnits(Protocol):
    """What the beam search has to know of words and outputs.

    Attributes:
        n_tokens: tokens that words are made of, the blank among them.
        blank: number of CTC's blank.
        silence: number of the token that may stand between two words, None if there is none.
    """

    n_tokens: int
    blank: int
    silence: int | None

    def token_sequences(self, word: str) -> list[list[int]]:
        """Return the tokens of a word, for each way to say it.

        Raises:
            KeyError: the word has a letter that there is no token for.
        """
        ...

    def log_probabilities(self, probabilities: FloatArray) -> FloatArray:
        """Return natural logarithms for all tokens, float32 (n, n_tokens)."""
        ...

    def final_frame(self) -> FloatArray | None:
        """Return a frame that completes the last words, as `Search.feed` takes it.

        None if nothing has to be heard for that.
        """
        ...

    def align(self, heard: Sequence[TokenEvent]) -> AlignedText:
        """Return the characters of tokens: those of a word, or those behind the last word."""
        ...


class LetterUnits:
    """Words spelled with the space behind them: a word counts when its space is heard.

    Args:
        alphabet: the labels.
    """

    def __init__(self, alphabet: Alphabet) -> None:
        self._alphabet = alphabet
        self.n_tokens = len(alphabet) + 1
        self.blank = alphabet.blank
        self.silence: int | None = alphabet.space
        self._index = {label: i for i, label in enumerate(alphabet.labels)}

    def token_sequences(self, word: str) -> list[list[int]]:
        """See `WordUnits.token_sequences`."""
        return [[*[self._index[letter] for letter in word], self._alphabet.space]]

    def log_probabilities(self, probabilities: FloatArray) -> FloatArray:
        """See `WordUnits.log_probabilities`."""
        heard = np.maximum(probabilities[:, : self.n_tokens], np.float32(_FLOOR))
        return np.asarray(np.log(heard), np.float32)

    def final_frame(self) -> FloatArray | None:
        """See `WordUnits.final_frame`: nothing but a space."""
        frame = np.zeros((1, self.n_tokens), np.float32)
        frame[0, self._alphabet.space] = 1.0
        return frame

    def align(self, heard: Sequence[TokenEvent]) -> AlignedText:
        """See `WordUnits.align`."""
        labels = tuple(event.token for event in heard)
        return AlignedText(
            self._alphabet.decode(labels), tuple(event.frame for event in heard), labels
        )


class PhonemeUnits:
    """Words as they are spoken, one right behind the other: a word counts with its last phoneme.

    Args:
        alphabet: the labels, whose probabilities come before those of the phonemes.
        lexicon: how words are spoken.
        n_phonemes: the phonemes' outputs, their blank among them.

    Raises:
        ModelError: the network hears other phonemes than the lexicon has.
    """

    def __init__(self, alphabet: Alphabet, lexicon: Lexicon, n_phonemes: int) -> None:
        if n_phonemes != len(PHONEMES) + 1:
            raise ModelError(
                f"The network hears {n_phonemes - 1} phonemes, the lexicon has {len(PHONEMES)}",
                "take the lexicon that belongs to the model",
            )
        self._first = len(alphabet) + 1
        self._lexicon = lexicon
        self.blank = len(PHONEMES)
        self.silence: int | None = None
        self.n_tokens = self.blank + 1

    def token_sequences(self, word: str) -> list[list[int]]:
        """See `WordUnits.token_sequences`."""
        ways = self._lexicon.pronunciations(word)
        if word not in self._lexicon.words and ways == self._lexicon.guesses(word, 1):
            # A user's word: nobody knows how it is spoken.
            ways = self._lexicon.guesses(word, _GUESSES)
        return [list(way) for way in ways]

    def log_probabilities(self, probabilities: FloatArray) -> FloatArray:
        """See `WordUnits.log_probabilities`."""
        heard = np.maximum(probabilities[:, self._first :], np.float32(_FLOOR))
        return np.asarray(np.log(heard), np.float32)

    def final_frame(self) -> FloatArray | None:
        """See `WordUnits.final_frame`."""
        return None

    def align(self, heard: Sequence[TokenEvent]) -> AlignedText:
        """See `WordUnits.align`: nothing of a word that is not complete."""
        word = heard[-1].word if heard else None
        if word is None:
            return AlignedText("", (), ())
        # Letters share the phonemes between them, in order.
        shares = [heard[i * len(heard) // len(word)] for i in range(len(word))]
        return AlignedText(
            word + " ",
            (*[share.frame for share in shares], heard[-1].frame + 1),
            (*[self._first + share.token for share in shares], self._first + self.blank),
        )
