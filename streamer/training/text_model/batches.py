"""Rows of running words as a recogniser would bring them: in utterances, with pauses or without."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from streamer.text.tagger import pause_features
from streamer.text.tags import ENDS, MARKS
from streamer.text.vocabulary import END, FIRST_WORD, MORE
from streamer.training.text_model.corpus import Words

#: How likely an utterance ends after a word, by the mark behind it: breaths and long pauses.
CUT = {"": 0.01, ",": 0.06, ":": 0.1, ".": 0.3, "?": 0.35, "!": 0.35}
#: The same at the end of a paragraph.
CUT_PARAGRAPH = 0.7
#: How much of the time the words to come are not known yet: partials.
UNKNOWN_AHEAD = 0.15
#: How many of the rarer words are seen by their ending only, as words that are not in the
#: vocabulary are; common ones would teach that unknown words are not names.
STRANGE = 0.05
#: Words that are too common for it, by their place in the vocabulary.
COMMON_WORDS = 4_000
#: How many rows have no times.
WITHOUT_PAUSES = 0.5
#: Pauses by mark: shares of (none, short, long). Measured behind 485 words that were read aloud
#: and recognised (medians 0.08 s without a mark, 0.43 s at commas, 1.0 s at full stops), and made
#: less sure, since people who speak freely pause less and elsewhere.
_PAUSE_SHARES = {
    "": (0.93, 0.05, 0.02),
    ",": (0.35, 0.4, 0.25),
    ":": (0.25, 0.4, 0.35),
    ".": (0.12, 0.3, 0.58),
    "?": (0.15, 0.35, 0.5),
    "!": (0.15, 0.35, 0.5),
}
#: Their means in seconds (words end a little before the next begins) and how they spread: the
#: shape of a gamma distribution.
_PAUSE_MEANS = np.array([0.085, 0.3, 0.85])
_PAUSE_SHAPES = np.array([5.0, 3.0, 5.0])
#: Pauses at which an utterance ends: this at least, and the mean of what comes on top.
_AFTER_CUT = (0.7, 0.8)
_SHARES = np.array([_PAUSE_SHARES[mark] for mark in MARKS])
_CUTS = np.array([CUT[mark] for mark in MARKS])


@dataclass(frozen=True)
class Batch:
    """Rows of words.

    Attributes:
        numbers: int64 (rows, words).
        ahead: numbers of the words that follow each, int64 (rows, words, look-ahead).
        pauses: features of the pause after each, float32 (rows, words, 2).
        marks: int64 (rows, words).
        cases: int64 (rows, words).
    """

    numbers: npt.NDArray[np.int64]
    ahead: npt.NDArray[np.int64]
    pauses: npt.NDArray[np.float32]
    marks: npt.NDArray[np.int64]
    cases: npt.NDArray[np.int64]


class Sampler:
    """Draws rows from several texts.

    Args:
        texts: the texts.
        shares: how often each is drawn from.
        row_words: words of a row.
        look_ahead: words after each that the network sees.
        endings: number by its ending for each number of a word (`Vocabulary.endings`).
        seed: random seed.
    """

    def __init__(
        self,
        texts: Sequence[Words],
        shares: Sequence[float],
        row_words: int,
        look_ahead: int,
        endings: npt.NDArray[np.int64],
        seed: int = 0,
    ) -> None:
        self._texts = texts
        self._endings = endings
        self._shares = np.array(shares) / sum(shares)
        self._row_words = row_words
        self._look_ahead = look_ahead
        self._random = np.random.default_rng(seed)
        ends = [MARKS.index(mark) for mark in ENDS]
        room = row_words + look_ahead + 1
        self._starts = []
        for text in texts:
            starts = np.flatnonzero(np.isin(text.marks, ends) | text.paragraph_ends) + 1
            self._starts.append(starts[starts < len(text) - room])

    def reseed(self, seed: int) -> None:
        """Draw other rows from here on, as when a training is continued."""
        self._random = np.random.default_rng(seed)

    def batch(self, rows: int) -> Batch:
        """Draw rows; each begins with a sentence."""
        length = self._row_words + self._look_ahead
        names = self._random.choice(len(self._texts), rows, p=self._shares)
        places = [self._random.choice(self._starts[name]) for name in names]
        cuts = [slice(place, place + length) for place in places]
        numbers = np.stack([self._texts[n].numbers[c] for n, c in zip(names, cuts)]).astype(
            np.int64
        )
        strange = self._random.random(numbers.shape) < STRANGE
        strange &= numbers >= FIRST_WORD + COMMON_WORDS
        numbers[strange] = self._endings[numbers[strange]]
        marks = np.stack([self._texts[n].marks[c] for n, c in zip(names, cuts)]).astype(np.int64)
        cases = np.stack([self._texts[n].cases[c] for n, c in zip(names, cuts)]).astype(np.int64)
        paragraphs = np.stack([self._texts[n].paragraph_ends[c] for n, c in zip(names, cuts)])
        chance = np.maximum(_CUTS[marks], CUT_PARAGRAPH * paragraphs)
        cut = self._random.random(chance.shape) < chance
        joined = self._random.random(chance.shape) < 0.5
        pauses = self._pauses(marks, cut, joined)
        words = slice(0, self._row_words)
        return Batch(
            numbers[:, words],
            self._ahead(numbers, cut, joined),
            pauses[:, words],
            marks[:, words],
            cases[:, words],
        )

    def _ahead(
        self,
        numbers: npt.NDArray[np.int64],
        cut: npt.NDArray[np.bool_],
        joined: npt.NDArray[np.bool_],
    ) -> npt.NDArray[np.int64]:
        """Return what is known of the words that follow each.

        Nothing behind the end of the utterance, but for its last word: its mark is decided
        when the next utterance has come, or when none does.
        """
        rows, length = numbers.shape
        n = self._row_words
        place = np.arange(length)
        ends = np.where(cut, place, length)
        next_cut = np.minimum.accumulate(ends[:, ::-1], axis=1)[:, ::-1]
        later = np.concatenate([next_cut[:, 1:], np.full((rows, 1), length)], axis=1)
        last_seen = np.where(cut & joined, later, next_cut)[:, :n]
        known = np.full((rows, n), self._look_ahead)
        guess = self._random.random((rows, n)) < UNKNOWN_AHEAD
        known[guess] = self._random.integers(0, self._look_ahead, int(guess.sum()))
        ahead = np.empty((rows, n, self._look_ahead), dtype=np.int64)
        for k in range(1, self._look_ahead + 1):
            column = numbers[:, k : n + k].copy()
            column[known < k] = MORE
            column[place[:n] + k > last_seen] = END
            ahead[:, :, k - 1] = column
        return ahead

    def _pauses(
        self,
        marks: npt.NDArray[np.int64],
        cut: npt.NDArray[np.bool_],
        joined: npt.NDArray[np.bool_],
    ) -> npt.NDArray[np.float32]:
        random = self._random
        drawn = random.random(marks.shape)[..., None]
        kind = (drawn > np.cumsum(_SHARES, axis=1)[marks]).sum(axis=-1).clip(0, 2)
        shapes = _PAUSE_SHAPES[kind]
        seconds = random.gamma(shapes, _PAUSE_MEANS[kind] / shapes)
        after_cut = _AFTER_CUT[0] + random.exponential(_AFTER_CUT[1], marks.shape)
        seconds = np.where(cut, after_cut, seconds)
        known = ~(cut & ~joined) & (random.random((len(marks), 1)) >= WITHOUT_PAUSES)
        return pause_features(np.where(known, seconds, np.nan))
