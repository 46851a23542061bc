"""Random speakers for synthetic speech: mixtures of voices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

#: Share of English voices; others give accents.
_ENGLISH_SHARE = 0.8
#: Numbers of voices in a mixture, equally likely.
_N_VOICES = (1, 2, 2, 3)
_TEMPO = (0.8, 1.35)
#: Factor of pitch and formants at the same tempo: more than 1 is a shorter vocal tract.
_FORMANTS = (0.9, 1.12)
_LEVEL_DB = (-30.0, -14.0)
_NOISE_DB = (-85.0, -60.0)


@dataclass(frozen=True)
class Speaker:
    """A mixture of voices, and how it speaks.

    Attributes:
        voices: names of Kokoro's voices.
        shares: their shares, which add up to 1.
        tempo: factor of the voices' own tempo.
        formants: factor of pitch and formants.
        level_db: root mean square of the speech; full scale is 0.
        noise_db: root mean square of the white noise in the background.
    """

    voices: tuple[str, ...]
    shares: tuple[float, ...]
    tempo: float
    formants: float
    level_db: float
    noise_db: float

    @property
    def british(self) -> bool:
        """Whether most of the mixture is British English (voices whose names begin with b)."""
        return sum(s for v, s in zip(self.voices, self.shares) if v.startswith("b")) > 0.5

    @property
    def name(self) -> str:
        """The voices' names, for the manifest."""
        return "+".join(self.voices)


def draw_speaker(names: Sequence[str], seed: Sequence[int]) -> Speaker:
    """Draw a speaker.

    Args:
        names: all voices; names of English ones begin with a or b.
        seed: random seed.
    """
    rng = np.random.default_rng(list(seed))
    english = [name for name in names if name[0] in "ab"] or list(names)
    others = [name for name in names if name not in english] or english
    count = int(rng.choice(_N_VOICES))
    voices = tuple(
        str(rng.choice(english if rng.random() < _ENGLISH_SHARE else others)) for _ in range(count)
    )
    shares = tuple(float(share) for share in rng.dirichlet(np.ones(count)))
    tempo, formants, level, noise = (
        float(rng.uniform(*bounds)) for bounds in (_TEMPO, _FORMANTS, _LEVEL_DB, _NOISE_DB)
    )
    return Speaker(voices, shares, tempo, formants, level, noise)
