"""Units that the beam search builds words from: letters or phonemes.

A unit is called a token and has a number; CTC's blank is one of the tokens.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Callable, NamedTuple, Protocol

import numpy as np

from streamer.arrays import FloatArray
from streamer.decoding.alphabet import Alphabet
from streamer.decoding.lexicon.leaves import Leaves
from streamer.decoding.lexicon.letter_to_sound import PHONEMES
from streamer.decoding.lexicon.lexicon import Lexicon
from streamer.decoding.search.contract import PROBABILITY_FLOOR, spelled
from streamer.errors import ModelError

#: Pronunciations tried for a user's word that is not in the lexicon.
_MAX_GUESSES = 100


class TokenEvent(NamedTuple):
    """A token in a hypothesis.

    Attributes:
        column: its column in `WordUnits.log_probabilities`; without leaves, its number.
        frame: the frame where it first appears.
        word: the word that it completes, or None.
    """

    column: int
    frame: int
    word: str | None


class AlignedText(NamedTuple):
    """Text with its frames, as in `streamer.decoding.search.contract.Candidate`.

    Attributes:
        text: characters.
        frames: the frame of each character.
        labels: the column of the probabilities that each character was read from.
    """

    text: str
    frames: tuple[int, ...]
    labels: tuple[int, ...]


class WordUnits(Protocol):
    """Interface of a set of tokens.

    Attributes:
        n_tokens: number of tokens, the blank included.
        blank: number of CTC's blank.
        silence: number of the token that may repeat between two words, or None.
        leaves: columns of a token by the token before it, or None if each has one column.
        blank_column: column of the blank; without leaves, its number.
    """

    n_tokens: int
    blank: int
    silence: int | None
    leaves: Leaves | None
    blank_column: int

    def token_sequences(self, word: str) -> list[list[int]]:
        """Return the token sequences of a word: one spelling, or all pronunciations.

        Raises:
            KeyError: a letter of the word has no token.
        """
        ...

    def log_probabilities(self, probabilities: FloatArray) -> FloatArray:
        """Return natural logarithms, float32 (n, n_columns): a column per token or leaf.

        Args:
            probabilities: the network's outputs, float32 (n, n_labels).
        """
        ...

    def final_frame(self) -> FloatArray | None:
        """Return a frame for `Search.feed` that completes the last word, or None if not needed."""
        ...

    def align(self, events: Sequence[TokenEvent]) -> AlignedText:
        """Return the text of the tokens since the last complete word."""
        ...


def _floored_log(probabilities: FloatArray) -> FloatArray:
    floored = np.maximum(probabilities, np.float32(PROBABILITY_FLOOR))
    return np.asarray(np.log(floored), np.float32)


class LetterUnits:
    """Letters: a word is its letters and the space after it, and is complete at that space.

    Args:
        alphabet: the labels.
    """

    def __init__(self, alphabet: Alphabet) -> None:
        self._alphabet = alphabet
        self.n_tokens = len(alphabet) + 1
        self.blank = alphabet.blank
        self.silence: int | None = alphabet.space
        self.leaves: Leaves | None = None
        self.blank_column = self.blank
        self._index = {label: i for i, label in enumerate(alphabet.labels)}
        self._single = all(len(label) == 1 for label in alphabet.labels)

    def token_sequences(self, word: str) -> list[list[int]]:
        """See `WordUnits.token_sequences`."""
        if self._single:
            letters = [self._index[letter] for letter in word]
        elif self._alphabet.can_spell(word):
            letters = self._alphabet.encode(word)
        else:
            raise KeyError(word)
        return [[*letters, self._alphabet.space]]

    def log_probabilities(self, probabilities: FloatArray) -> FloatArray:
        """See `WordUnits.log_probabilities`."""
        return _floored_log(probabilities[:, : self.n_tokens])

    def final_frame(self) -> FloatArray | None:
        """Return a frame that is certainly a space."""
        frame = np.zeros((1, self.n_tokens), np.float32)
        frame[0, self._alphabet.space] = 1.0
        return frame

    def align(self, events: Sequence[TokenEvent]) -> AlignedText:
        """See `WordUnits.align`."""
        labels = [event.column for event in events]
        found = spelled(0.0, labels, [event.frame for event in events], self._alphabet)
        return AlignedText(found.text, found.frames, found.labels)


class PhonemeUnits:
    """Phonemes: a word is one of its pronunciations and is complete at its last phoneme.

    Args:
        alphabet: the labels; their outputs come before those of the phonemes.
        lexicon: pronunciations of the words, or a function that reads them, called on first use.
        n_phonemes: number of phoneme outputs, or of leaves, their blank included.
        leaves: leaves of the phonemes, if the network has these instead.

    Raises:
        ModelError: the network has other phonemes than the lexicon, or other leaves.
    """

    def __init__(
        self,
        alphabet: Alphabet,
        lexicon: Lexicon | Callable[[], Lexicon],
        n_phonemes: int,
        leaves: Leaves | None = None,
    ) -> None:
        if leaves is not None and n_phonemes != len(leaves) + 1:
            raise ModelError(
                f"the network has {n_phonemes - 1} leaves, their table {len(leaves)}",
                "use the table that belongs to the model",
            )
        if leaves is None and n_phonemes != len(PHONEMES) + 1:
            raise ModelError(
                f"the network has {n_phonemes - 1} phonemes, the lexicon {len(PHONEMES)}",
                "use the lexicon that belongs to the model",
            )
        self._first = len(alphabet) + 1
        self._read_lexicon = lexicon
        self.blank = len(PHONEMES)
        self.silence: int | None = None
        self.n_tokens = self.blank + 1
        self.leaves = leaves
        self.blank_column = n_phonemes - 1

    @functools.cached_property
    def _lexicon(self) -> Lexicon:
        read = self._read_lexicon
        return read if isinstance(read, Lexicon) else read()

    def token_sequences(self, word: str) -> list[list[int]]:
        """See `WordUnits.token_sequences`."""
        pronunciations = self._lexicon.pronunciations(word)
        if word not in self._lexicon.words and pronunciations == self._lexicon.guesses(word, 1):
            # A user's word whose pronunciation is unknown: try many.
            pronunciations = self._lexicon.guesses(word, _MAX_GUESSES)
        return [list(pronunciation) for pronunciation in pronunciations]

    def log_probabilities(self, probabilities: FloatArray) -> FloatArray:
        """See `WordUnits.log_probabilities`."""
        return _floored_log(probabilities[:, self._first :])

    def final_frame(self) -> FloatArray | None:
        """Return None: words are complete without a space."""
        return None

    def align(self, events: Sequence[TokenEvent]) -> AlignedText:
        """See `WordUnits.align`; an incomplete word has no text."""
        word = events[-1].word if events else None
        if word is None:
            return AlignedText("", (), ())
        # Letters are spread over the phonemes evenly, in order.
        spread = [events[i * len(events) // len(word)] for i in range(len(word))]
        return AlignedText(
            word + " ",
            (*[event.frame for event in spread], events[-1].frame + 1),
            (*[self._first + event.column for event in spread], self._first + self.blank_column),
        )
