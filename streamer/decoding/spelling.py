"""How the beam search finds words in a network's outputs: by their letters or their sounds."""

from __future__ import annotations

from typing import Any, List, Optional, Protocol, Sequence, Tuple

import numpy as np

from streamer.decoding.alphabet import Alphabet
from streamer.decoding.decoder import FloatArray
from streamer.decoding.letter_to_sound import PHONEMES
from streamer.decoding.lexicon import Lexicon
from streamer.decoding.search import Path, beyond_doubt, collapse, letter_path, spell
from streamer.errors import ModelError

#: Below this a probability counts as this much, so that its logarithm is finite.
_FLOOR = 1e-30

#: Ways to say a user's word that no dictionary has.
_GUESSES = 100

#: A label of more than this is likelier than all others together.
_LIKELIEST = 0.5


class Spelling(Protocol):
    """What flashlight's decoder has to know of words and outputs.

    Attributes:
        n_tokens: tokens that words are made of, the blank and the silence among them.
        blank: number of CTC's blank.
        silence: number of the token that may stand between two words.
    """

    n_tokens: int
    blank: int
    silence: int

    def ways(self, word: str) -> List[List[int]]:
        """Return the tokens of a word, for each way to say it.

        Raises:
            KeyError: the word has a letter that there is no token for.
        """
        ...

    def emissions(self, probabilities: FloatArray) -> FloatArray:
        """Return natural logarithms for all tokens, float32 (n, n_tokens)."""
        ...

    def tell(self, words: Sequence[str]) -> FloatArray:
        """Return frames, as `Search.step` takes them, that can only be these words."""
        ...

    def end(self, decoder: Any) -> None:
        """Tell flashlight's decoder that nothing follows."""
        ...

    def path(self, result: Any, words: Sequence[str], ended: bool) -> Optional[Path]:
        """Return the hypothesis of a result of flashlight's; None if it is of no use."""
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
        self.silence = alphabet.space
        self._index = {label: i for i, label in enumerate(alphabet.labels)}

    def ways(self, word: str) -> List[List[int]]:
        """See `Spelling.ways`."""
        return [[*[self._index[letter] for letter in word], self.silence]]

    def emissions(self, probabilities: FloatArray) -> FloatArray:
        """See `Spelling.emissions`."""
        heard = np.maximum(probabilities[:, : self.n_tokens], np.float32(_FLOOR))
        return np.asarray(np.log(heard), np.float32)

    def tell(self, words: Sequence[str]) -> FloatArray:
        """See `Spelling.tell`."""
        return spell(self._alphabet, words)

    def end(self, decoder: Any) -> None:
        """Let it hear one more frame that can only be a space, which completes the last words."""
        frame = np.zeros((1, self.n_tokens), np.float32)
        frame[0, self.silence] = 1.0
        emissions = self.emissions(frame)
        decoder.decode_step(emissions.ctypes.data, *emissions.shape)

    def path(self, result: Any, words: Sequence[str], ended: bool) -> Optional[Path]:
        """See `Spelling.path`."""
        # The first token stands for the state before the first frame.
        path = letter_path(result.score, result.tokens[1:], self._alphabet)
        if ended and not path.text.endswith(" "):
            # Half a word: nothing in the lexicon ends here.
            cut = path.text.rfind(" ") + 1
            return Path(path.score, path.text[:cut], path.frames[:cut], path.labels[:cut])
        return path


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
        # Between words there are blanks only: this is never heard.
        self.silence = self.blank + 1
        self.n_tokens = self.blank + 2
        self._told: List[Tuple[str, int]] = []
        self._before = np.zeros((1, self.blank + 1), np.float32)

    def ways(self, word: str) -> List[List[int]]:
        """See `Spelling.ways`."""
        ways = self._lexicon.pronunciations(word)
        if word not in self._lexicon.words and ways == self._lexicon.guesses(word, 1):
            # A user's word: nobody knows how it is spoken.
            ways = self._lexicon.guesses(word, _GUESSES)
        return [list(way) for way in ways]

    def emissions(self, probabilities: FloatArray) -> FloatArray:
        """See `Spelling.emissions`."""
        result = np.empty((len(probabilities), self.n_tokens), np.float32)
        heard = self._once(probabilities[:, self._first :])
        heard = np.maximum(heard, np.float32(_FLOOR))
        np.log(heard, out=result[:, : self.silence])
        result[:, self.silence] = 2 * np.log(_FLOOR)
        return result

    def _once(self, heard: FloatArray) -> FloatArray:
        """Let a phoneme that is likeliest for several frames be heard in the first of them only.

        To CTC that is the same. But flashlight leaves a word with its last phoneme: what
        is still heard of it would count as a word of one phoneme ("no o", "a a").
        """
        before = np.concatenate([self._before, heard[:-1]])
        self._before = heard[-1:].copy()
        again = (heard > _LIKELIEST) & (before > _LIKELIEST)
        again[:, self.blank] = False
        frames, labels = np.nonzero(again)
        result = np.array(heard, np.float32)
        result[frames, self.blank] += heard[frames, labels]
        result[frames, labels] = 0.0
        return result

    def tell(self, words: Sequence[str]) -> FloatArray:
        """See `Spelling.tell`."""
        self._before = np.zeros((1, self.blank + 1), np.float32)
        pieces: List[FloatArray] = []
        self._told = []
        width = self._first + self.blank + 1
        n = 0
        for word in words:
            way = self._lexicon.pronunciations(word)[0]
            labels = [width - 1, *[self._first + phoneme for phoneme in way]]
            pieces.append(beyond_doubt(labels, width - 1, width))
            n += len(pieces[-1])
            self._told.append((word, n))
        return np.concatenate(pieces) if pieces else np.zeros((0, width), np.float32)

    def end(self, decoder: Any) -> None:
        """Let it keep hypotheses only that end with a word."""
        decoder.decode_end()

    def path(self, result: Any, words: Sequence[str], ended: bool) -> Optional[Path]:
        """See `Spelling.path`."""
        labels, frames = collapse(result.tokens[1:], self.blank)
        heard = labels < self.blank
        labels, frames = labels[heard] + self._first, frames[heard]
        told_frames = self._told[-1][1] if self._told else 0
        text: List[str] = []
        at: List[int] = []
        columns: List[int] = []
        for word, end in self._told:
            text.append(word + " ")
            at += [end - 1] * (len(word) + 1)
            columns += [self._first] * (len(word) + 1)
        first = 0
        for frame, index in enumerate(result.words[1:]):
            if index < 0:
                continue
            last = int(np.searchsorted(frames, frame, side="right"))
            begun = int(frames[first]) if first < last else frame
            if frame >= told_frames:
                if begun < told_frames or first == last:
                    return None  # a word that reaches into what was told
                word = words[index]
                # Letters share the phonemes between them, in order.
                shares = [first + i * (last - first) // len(word) for i in range(len(word))]
                text.append(word + " ")
                at += [*frames[shares].tolist(), frame + 1]
                columns += [*labels[shares].tolist(), self._first + self.blank]
            first = last
        return Path(result.score, "".join(text), tuple(at), tuple(columns))
