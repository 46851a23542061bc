"""How the beam search finds words in a network's outputs: by their letters or their sounds."""

from __future__ import annotations

from typing import List, NamedTuple, Optional, Protocol, Sequence

import numpy as np

from streamer.decoding.alphabet import Alphabet
from streamer.decoding.decoder import FloatArray
from streamer.decoding.letter_to_sound import PHONEMES
from streamer.decoding.lexicon import Lexicon
from streamer.decoding.search import Path
from streamer.errors import ModelError

#: Below this a probability counts as this much, so that its logarithm is finite.
_FLOOR = 1e-30

#: Ways to say a user's word that no dictionary has.
_GUESSES = 100


class Heard(NamedTuple):
    """A token that a hypothesis has heard.

    Attributes:
        token: its number.
        frame: the frame where it was first heard.
        word: the word that it completes, if any.
    """

    token: int
    frame: int
    word: Optional[str]


class Spelling(Protocol):
    """What the beam search has to know of words and outputs.

    Attributes:
        n_tokens: tokens that words are made of, the blank among them.
        blank: number of CTC's blank.
        silence: number of the token that may stand between two words, None if there is none.
    """

    n_tokens: int
    blank: int
    silence: Optional[int]

    def ways(self, word: str) -> List[List[int]]:
        """Return the tokens of a word, for each way to say it.

        Raises:
            KeyError: the word has a letter that there is no token for.
        """
        ...

    def emissions(self, probabilities: FloatArray) -> FloatArray:
        """Return natural logarithms for all tokens, float32 (n, n_tokens)."""
        ...

    def last_frame(self) -> Optional[FloatArray]:
        """Return a frame that completes the last words, as `Search.step` takes it.

        None if nothing has to be heard for that.
        """
        ...

    def path(self, score: float, told: Sequence[str], heard: Sequence[Heard]) -> Path:
        """Return the hypothesis that heard some tokens behind words that it was told."""
        ...


class Letters:
    """Words spelled with the space behind them: a word counts when its space is heard.

    Args:
        alphabet: the labels.
    """

    def __init__(self, alphabet: Alphabet) -> None:
        self._alphabet = alphabet
        self.n_tokens = len(alphabet) + 1
        self.blank = alphabet.blank
        self.silence: Optional[int] = alphabet.space
        self._index = {label: i for i, label in enumerate(alphabet.labels)}

    def ways(self, word: str) -> List[List[int]]:
        """See `Spelling.ways`."""
        return [[*[self._index[letter] for letter in word], self._alphabet.space]]

    def emissions(self, probabilities: FloatArray) -> FloatArray:
        """See `Spelling.emissions`."""
        heard = np.maximum(probabilities[:, : self.n_tokens], np.float32(_FLOOR))
        return np.asarray(np.log(heard), np.float32)

    def last_frame(self) -> Optional[FloatArray]:
        """See `Spelling.last_frame`: nothing but a space."""
        frame = np.zeros((1, self.n_tokens), np.float32)
        frame[0, self._alphabet.space] = 1.0
        return frame

    def path(self, score: float, told: Sequence[str], heard: Sequence[Heard]) -> Path:
        """See `Spelling.path`."""
        labels = self._alphabet.encode("".join(word + " " for word in told))
        frames = [0] * len(labels) + [event.frame for event in heard]
        labels = [*labels, *[event.token for event in heard]]
        return Path(score, self._alphabet.decode(labels), tuple(frames), tuple(labels))


class Phonemes:
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
        self.silence: Optional[int] = None
        self.n_tokens = self.blank + 1

    def ways(self, word: str) -> List[List[int]]:
        """See `Spelling.ways`."""
        ways = self._lexicon.pronunciations(word)
        if word not in self._lexicon.words and ways == self._lexicon.guesses(word, 1):
            # A user's word: nobody knows how it is spoken.
            ways = self._lexicon.guesses(word, _GUESSES)
        return [list(way) for way in ways]

    def emissions(self, probabilities: FloatArray) -> FloatArray:
        """See `Spelling.emissions`."""
        heard = np.maximum(probabilities[:, self._first :], np.float32(_FLOOR))
        return np.asarray(np.log(heard), np.float32)

    def last_frame(self) -> Optional[FloatArray]:
        """See `Spelling.last_frame`."""
        return None

    def path(self, score: float, told: Sequence[str], heard: Sequence[Heard]) -> Path:
        """See `Spelling.path`: whole words only."""
        text = [word + " " for word in told]
        frames = [0] * sum(map(len, text))
        labels = [self._first] * len(frames)
        first = 0
        for place, (_, frame, word) in enumerate(heard):
            if word is None:
                continue
            count = place + 1 - first
            text.append(word + " ")
            # Letters share the phonemes between them, in order.
            for i in range(len(word)):
                share = heard[first + i * count // len(word)]
                frames.append(share.frame)
                labels.append(self._first + share.token)
            frames.append(frame + 1)
            labels.append(self._first + self.blank)
            first = place + 1
        return Path(score, "".join(text), tuple(frames), tuple(labels))
