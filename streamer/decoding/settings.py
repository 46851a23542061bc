"""Settings of the decoders and their defaults."""

from __future__ import annotations

import reprlib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from streamer.decoding.confidence import Calibration, read_calibration
from streamer.errors import ModelError

if TYPE_CHECKING:
    from streamer.decoding.scorer.package import Scorer

#: Hypotheses kept by the default decoder. Thanks to its look-ahead, a tenth of DeepSpeech's
#: beam finds the same words.
BEAM = 64

#: Hypotheses kept by DeepSpeech's own decoder: the native client's default.
DS_BEAM = 500

#: Tokens considered per frame by the default decoder; the others together seldom have a
#: probability above 0.0001.
CUTOFF_TOP_N = 12

#: The same for DeepSpeech's decoder: the native client's default, more than English has.
DS_CUTOFF_TOP_N = 40

#: Hypotheses this much less likely than the best (natural logarithm) are pruned.
BEAM_THRESHOLD = 20.0

#: Score added for each space between words after the first; no penalty, since silence is
#: already scored by the network's blanks.
SILENCE_SCORE = 0.0

#: Number of texts returned: the best and its alternatives.
N_BEST = 4

#: Words in the lexicon, the likeliest ones. The prefix tree takes about a kilobyte per word;
#: the rarest words of a scorer of half a million are not worth that.
MAX_WORDS = 100_000

#: Upper bound for counts; hypotheses, of which each takes memory, have a lower one.
LARGEST_COUNT = 10_000_000
LARGEST_BEAM = 100_000

#: Share of the recurrent language model in the mixture with n-grams.
RECURRENT_SHARE = 0.5


@dataclass(frozen=True)
class DecodingSettings:
    """Settings of a decoder; None means that decoder's default.

    Attributes:
        beam: hypotheses kept (`BEAM`, `DS_BEAM`).
        beam_threshold: natural logarithm; see `BEAM_THRESHOLD`.
        cutoff_top_n: tokens considered per frame (`CUTOFF_TOP_N`, `DS_CUTOFF_TOP_N`).
        lm_alpha: weight of the language model, as in DeepSpeech; None uses the scorer's.
        lm_beta: score added per word, as in DeepSpeech; None uses the scorer's.
        silence_score: see `SILENCE_SCORE`.
        n_best: see `N_BEST`.
        max_words: see `MAX_WORDS`.
        recurrent_share: see `RECURRENT_SHARE`; 0 disables the recurrent model.
        confidence: makes probabilities of the confidence of words; None leaves it as it is.
    """

    beam: int | None = None
    beam_threshold: float = BEAM_THRESHOLD
    cutoff_top_n: int | None = None
    lm_alpha: float | None = None
    lm_beta: float | None = None
    silence_score: float = SILENCE_SCORE
    n_best: int = N_BEST
    max_words: int = MAX_WORDS
    recurrent_share: float = RECURRENT_SHARE
    confidence: Calibration | None = None

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            ModelError: a count below 1, a threshold that is not positive, or a score that is
                not a number.
        """
        for name in ("beam", "cutoff_top_n", "n_best", "max_words"):
            value = getattr(self, name)
            if value is None and name in ("beam", "cutoff_top_n"):
                continue
            most = LARGEST_BEAM if name in ("beam", "n_best") else LARGEST_COUNT
            if type(value) is not int or not 1 <= value <= most:
                raise ModelError(
                    f"the decoder's {name} is {reprlib.repr(value)}",
                    f"use a count from 1 to {most:,}",
                )
        for name in ("beam_threshold", "lm_alpha", "lm_beta", "silence_score", "recurrent_share"):
            value = getattr(self, name)
            if value is None and name in ("lm_alpha", "lm_beta"):
                continue
            if (
                isinstance(value, bool)
                or not isinstance(value, (int, float))
                or not abs(value) <= 1e6
            ):
                raise ModelError(f"the decoder's {name} is {reprlib.repr(value)}", "use a number")
        if self.beam_threshold <= 0:
            raise ModelError(
                f"the decoder's beam_threshold is {self.beam_threshold}", "use a value above 0"
            )
        if not 0 <= self.recurrent_share <= 1:
            raise ModelError(
                f"the decoder's recurrent_share is {self.recurrent_share}",
                "use a value from 0 to 1",
            )

    def weights(self, scorer: Scorer) -> tuple[float, float]:
        """Return alpha and beta: these settings' where given, else the scorer's."""
        alpha = scorer.alpha if self.lm_alpha is None else self.lm_alpha
        beta = scorer.beta if self.lm_beta is None else self.lm_beta
        return alpha, beta

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any], kind: str = "beam") -> DecodingSettings:
        """Create settings from a bundle; unknown names, of later versions, are ignored.

        Args:
            mapping: the entry ``decoding`` of a bundle's ``model.json``.
            kind: the decoder. A bundle's beam settings were tuned for the default decoder
                and are ignored for the others.

        Raises:
            ModelError: invalid values.
        """
        tuned = {
            "beam", "beam_threshold", "cutoff_top_n", "silence_score", "recurrent_share",
            "confidence",
        }  # fmt: skip
        names = {field.name for field in fields(cls)} - (set() if kind == "beam" else tuned)
        values = {name: value for name, value in mapping.items() if name in names}
        values["confidence"] = read_calibration(values.get("confidence"))
        return cls(**values)
