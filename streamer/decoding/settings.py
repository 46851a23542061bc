"""Settings of the decoders, each with its default in one place and a reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from streamer.errors import ModelError

if TYPE_CHECKING:
    from streamer.decoding.scorer.package import Scorer

#: Hypotheses kept by the default decoder. It looks ahead in its lexicon, so a
#: tenth of what DeepSpeech needs gives the same words.
BEAM = 64

#: Hypotheses kept by DeepSpeech's own decoder: the native client's default.
DS_BEAM = 500

#: Letters considered at a frame by the default decoder; the rest together
#: seldom hold one part in ten thousand.
CUTOFF_TOP_N = 12

#: The same for DeepSpeech's decoder: the native client's default, which is all.
DS_CUTOFF_TOP_N = 40

#: Hypotheses this much less likely than the best (natural logarithm) are dropped.
BEAM_THRESHOLD = 20.0

#: Weights of the native client, for scorers that propose none of use.
LM_ALPHA = 0.931289039105002
LM_BETA = 1.1834137581510284

#: Score added at each frame of silence between words; the network's blanks
#: already pay for silence.
SILENCE_SCORE = 0.0

#: The text and its alternatives.
N_BEST = 4

#: Words of the lexicon, the likeliest first. The lexicon's tree takes about a
#: kilobyte a word; the rarest words of a scorer of half a million cost more
#: memory than they are worth.
MAX_WORDS = 100_000

#: Share of the recurrent language model, where there is one, in the mixture with n-grams.
RECURRENT_SHARE = 0.5


@dataclass(frozen=True)
class DecodingSettings:
    """How a decoder searches. None means the decoder's own default.

    Attributes:
        beam: hypotheses kept (`BEAM`, `DS_BEAM`).
        beam_threshold: natural logarithm; see `BEAM_THRESHOLD`.
        cutoff_top_n: letters considered at a frame (`CUTOFF_TOP_N`, `DS_CUTOFF_TOP_N`).
        lm_alpha: weight of the language model, as in DeepSpeech; None takes the scorer's.
        lm_beta: reward for each word, as in DeepSpeech; None takes the scorer's.
        silence_score: see `SILENCE_SCORE`.
        n_best: texts given, the best one counted.
        max_words: see `MAX_WORDS`.
        recurrent_share: see `RECURRENT_SHARE`; 0 goes without it.
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

    def __post_init__(self) -> None:
        """Refuse what no decoder can work with.

        Raises:
            ModelError: a count below 1, a threshold that is not positive, a score that is
                no number.
        """
        for name in ("beam", "cutoff_top_n", "n_best", "max_words"):
            value = getattr(self, name)
            if value is not None and (not isinstance(value, int) or not 1 <= value <= 10_000_000):
                raise ModelError(f"The decoder's {name} is {value!r}", "give a count, 1 or more")
        for name in ("beam_threshold", "lm_alpha", "lm_beta", "silence_score", "recurrent_share"):
            value = getattr(self, name)
            if value is not None and (
                isinstance(value, bool)
                or not isinstance(value, (int, float))
                or not abs(value) <= 1e6
            ):
                raise ModelError(f"The decoder's {name} is {value!r}", "give a number")
        if self.beam_threshold <= 0:
            raise ModelError(
                f"The decoder's beam_threshold is {self.beam_threshold}", "give more than 0"
            )
        if not 0 <= self.recurrent_share <= 1:
            raise ModelError(
                f"The decoder's recurrent_share is {self.recurrent_share}", "give 0 to 1"
            )

    def weights(self, scorer: Scorer) -> tuple[float, float]:
        """Return alpha and beta: these settings' where given, else the scorer's."""
        alpha = scorer.alpha if self.lm_alpha is None else self.lm_alpha
        beta = scorer.beta if self.lm_beta is None else self.lm_beta
        return alpha, beta

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any], kind: str = "beam") -> DecodingSettings:
        """Take the settings of a bundle; names of later versions are passed over.

        Args:
            mapping: the entry ``decoding`` of a bundle's ``model.json``.
            kind: the decoder they are for. What a bundle says of the beam was
                tuned for the default decoder and is left out for others.

        Raises:
            ModelError: values no decoder can work with.
        """
        tuned = {"beam", "beam_threshold", "cutoff_top_n", "silence_score", "recurrent_share"}
        names = {field.name for field in fields(cls)} - (set() if kind == "beam" else tuned)
        return cls(**{name: value for name, value in mapping.items() if name in names})
