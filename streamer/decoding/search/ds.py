"""DeepSpeech's own decoder, from ds_ctcdecoder or its successor coqui_stt_ctcdecoder.

Both packages wrap the C++ code of DeepSpeech's native client. Their ``DecoderState``
decodes in chunks; it requires float64 probabilities, hot words as bytes, and the
alphabet as a file.
"""

from __future__ import annotations

import copy
import importlib
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from streamer.arrays import FloatArray
from streamer.decoding.alphabet import Alphabet, write_alphabet
from streamer.decoding.scorer.package import Scorer
from streamer.decoding.search.contract import (
    N_GRAM_CONTEXT,
    Candidate,
    prime_with_letters,
    spelled,
)
from streamer.decoding.settings import DS_BEAM, DS_CUTOFF_TOP_N, DecodingSettings
from streamer.decoding.user_words import UserWord
from streamer.errors import DecoderError, ScorerError

#: The packages in order of preference.
_PACKAGES = ("ds_ctcdecoder", "coqui_stt_ctcdecoder")

#: Letters are considered until their probabilities add up to this: all of them.
_CUTOFF_PROB = 1.0


def find_ds_package() -> str | None:
    """Return the name of the installed package of DeepSpeech's decoder, None without one."""
    for name in _PACKAGES:
        try:
            importlib.import_module(f"{name}.swigwrapper")
        except ImportError:
            continue
        return name
    return None


class DsSearch:
    """DeepSpeech's beam search, a `Search`.

    Args:
        alphabet: the labels.
        scorer: language model and words, or None.
        settings: beam, cutoff and weights.
        user_words: words of the scorer to make likelier.

    Raises:
        DecoderError: neither package is installed, or a user's word is not in the scorer.
        ScorerError: the package cannot load the scorer.
    """

    name = "ds"
    append_only = False
    context_words = N_GRAM_CONTEXT

    def __init__(
        self,
        alphabet: Alphabet,
        scorer: Scorer | None,
        settings: DecodingSettings,
        user_words: Sequence[UserWord] = (),
    ) -> None:
        name = find_ds_package()
        if name is None:
            raise DecoderError(
                "DeepSpeech's decoder is not installed",
                "pip install ds-ctcdecoder on Python 3.9, pip install coqui-stt-ctcdecoder on"
                " Python 3.10, or choose --decoder beam",
            )
        package = importlib.import_module(name)
        self._alphabet = alphabet
        self._swig: Any = importlib.import_module(f"{name}.swigwrapper")
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "alphabet.txt")
            write_alphabet(path, alphabet)
            self._labels = package.Alphabet(os.fspath(path))
        self._scorer: Any = None
        alpha = 0.0
        if scorer is not None:
            alpha, beta = settings.weights(scorer)
            try:
                self._scorer = package.Scorer(alpha, beta, os.fspath(scorer.path), self._labels)
            except (ValueError, RuntimeError) as error:
                raise ScorerError(
                    f"{name} cannot load the scorer {scorer.path} ({error})",
                    "use the scorer made for this alphabet",
                ) from None
        self._hot_words = _hot_words(user_words, scorer, alphabet, alpha)
        self._beam = settings.beam or DS_BEAM
        self._top_n = settings.cutoff_top_n or DS_CUTOFF_TOP_N
        self.reset()

    def reset(self) -> None:
        """Start a new utterance."""
        self._state = self._swig.DecoderState()
        error = self._state.init(
            self._labels, self._beam, _CUTOFF_PROB, self._top_n, self._scorer, self._hot_words
        )
        if error:
            raise DecoderError(
                f"DeepSpeech's decoder cannot be started (error {error})", "choose --decoder beam"
            )

    def new_stream(self) -> DsSearch:
        """Return the same search for another stream; see `Search.new_stream`."""
        search = copy.copy(self)
        search.reset()
        return search

    def feed(self, probabilities: FloatArray) -> None:
        """Process the next frames: float32 (n, n_labels)."""
        letters = probabilities[:, : len(self._alphabet) + 1]
        self._state.next(letters.astype(np.float64))

    def prime(self, words: Sequence[str]) -> int:
        """Set the words that come before the first frame; see `Search.prime`."""
        return prime_with_letters(self, self._alphabet, words)

    def finish(self) -> None:
        """Do nothing: this decoder always treats the last word as complete."""

    def candidates(self, n: int) -> list[Candidate]:
        """Return up to n candidates, likeliest first."""
        return [
            spelled(
                float(output.confidence),
                list(output.tokens),
                list(output.timesteps),
                self._alphabet,
            )
            for output in self._state.decode(n)
        ] or [Candidate(0.0, "", (), ())]

    def is_word(self, letters: str) -> bool:
        """Return True: like the native client, show the letters of incomplete words too."""
        return True


def _hot_words(
    user_words: Sequence[UserWord], scorer: Scorer | None, alphabet: Alphabet, alpha: float
) -> dict[bytes, float]:
    """Return user words as hot words; the decoder multiplies their boosts by alpha."""
    if not user_words:
        return {}
    if scorer is None or alpha <= 0:
        raise DecoderError(
            "user words need a language model", "use a model with a scorer, with lm_alpha above 0"
        )
    known = set(scorer.words(alphabet))
    for word in user_words:
        if word.word not in known:
            raise DecoderError(
                f"DeepSpeech's decoder cannot add words, and {word.word!r} is not in the scorer",
                "leave the word out, or choose --decoder beam",
            )
    return {word.word.encode(): word.weight / alpha for word in user_words}
