"""Counts of sequences of words, KenLM's: read by KenLM itself or looked up in the file.

Scores are common logarithms, as KenLM's.
"""

from __future__ import annotations

import os
from typing import Any, Protocol, Sequence, Tuple

import numpy as np
import numpy.typing as npt

from streamer.decoding.mapped import Context
from streamer.decoding.scorer import Scorer
from streamer.errors import DecoderError, ScorerError

FloatArray = npt.NDArray[np.float32]

#: Language models beyond this are looked up in the mapped file, which is slower, but
#: takes no memory to speak of.
MAPPED_BYTES = 256 << 20

_UNKNOWN = "<unk>"


class NGrams(Protocol):
    """Counts of sequences of words."""

    #: Each word's own probability, float32 (n_words,).
    unigrams: FloatArray

    def begin(self) -> Any:
        """Return the state before the first word."""
        ...

    def score(self, state: Any, word: int) -> Tuple[Any, float]:
        """Return the state behind a word and the word's score."""
        ...

    def finish(self, state: Any) -> float:
        """Return the score of the end."""
        ...


class KenlmNGrams:
    """Read by flashlight's KenLM.

    Args:
        scorer: the language model.
        words: the words that may be asked for, by number.

    Raises:
        DecoderError: flashlight-text is not installed.
        ScorerError: KenLM refuses the file.
    """

    def __init__(self, scorer: Scorer, words: Sequence[str]) -> None:
        try:
            from flashlight.lib.text.decoder.kenlm import KenLM
            from flashlight.lib.text.dictionary import Dictionary
        except ImportError as error:
            raise DecoderError(
                f"The beam decoder needs flashlight-text ({error})",
                "pip install flashlight-text, or choose --decoder greedy",
            ) from None
        try:
            self._model = KenLM(os.fspath(scorer.path), Dictionary([*words, _UNKNOWN]))
        except RuntimeError as error:
            raise ScorerError(
                f"KenLM refuses the scorer {scorer.path} ({str(error).splitlines()[0]})",
                "copy or download the scorer again, or build it anew",
            ) from None
        score, state = self._model.score, self._model.start(True)
        self.unigrams = np.array([score(state, i)[1] for i in range(len(words))], np.float32)

    def begin(self) -> Any:
        """See `NGrams.begin`."""
        return self._model.start(False)

    def score(self, state: Any, word: int) -> Tuple[Any, float]:
        """See `NGrams.score`."""
        following: Tuple[Any, float] = self._model.score(state, word)
        return following

    def finish(self, state: Any) -> float:
        """See `NGrams.finish`."""
        score: float = self._model.finish(state)[1]
        return score


class MappedNGrams:
    """Looked up where they lie, for language models that are too big for memory.

    Args:
        scorer: the language model.
        words: the words that may be asked for, by number.

    Raises:
        ScorerError: the file is no longer what it was.
    """

    def __init__(self, scorer: Scorer, words: Sequence[str]) -> None:
        self._model = scorer.open_mapped()
        indices = self._model.indices([*words, "</s>"])
        self._numbers = indices.tolist()
        self.unigrams = self._model.unigrams(indices[:-1]).copy()

    def begin(self) -> Context:
        """See `NGrams.begin`."""
        return self._model.begin()

    def score(self, state: Context, word: int) -> Tuple[Context, float]:
        """See `NGrams.score`."""
        score, context = self._model.score(state, self._numbers[word])
        return context, score

    def finish(self, state: Context) -> float:
        """See `NGrams.finish`."""
        return self._model.score(state, self._numbers[-1])[0]


def open_n_grams(scorer: Scorer, words: Sequence[str]) -> NGrams:
    """Open a scorer's language model.

    Args:
        scorer: where it is.
        words: the words that may be asked for, by number.

    Raises:
        DecoderError: flashlight-text is not installed.
        ScorerError: a language model that KenLM refuses.
    """
    kind = MappedNGrams if scorer.kenlm_size > MAPPED_BYTES else KenlmNGrams
    return kind(scorer, words)
