"""Simulated network outputs for a text."""

from __future__ import annotations

import numpy as np

from streamer.arrays import FloatArray
from streamer.decoding import Alphabet
from streamer.decoding.lexicon.leaves import Leaves
from streamer.decoding.lexicon.letter_to_sound import PHONEMES

#: Letters that sound alike, for confusions that a language model must correct.
_ALIKE = ["aeiou", "bdgpt", "mn", "sz", "ck", "fv", "iy", "uw", "lr"]

ENGLISH = Alphabet(list(" abcdefghijklmnopqrstuvwxyz'"))


def posteriors(
    text: str,
    seed: int = 0,
    confusion: float = 0.0,
    noise: float = 0.02,
    frames_per_letter: float = 3.3,
    lead_frames: int = 12,
    tail_frames: int = 12,
    alphabet: Alphabet = ENGLISH,
) -> FloatArray:
    """Return probabilities that a CTC network might give for a text, float32 (frames, labels + 1).

    Args:
        text: the transcript.
        seed: random seed.
        confusion: probability that a letter's peak is on one that sounds alike.
        noise: share of each frame that is random.
        frames_per_letter: mean distance between peaks (50 frames per second).
        lead_frames: silence before the text.
        tail_frames: silence after it.
        alphabet: the labels.
    """
    random = np.random.default_rng(seed)
    peaks: list[tuple[int, int, float]] = []
    at = lead_frames
    previous = -1
    for letter in text:
        label = alphabet.encode(letter)[0]
        at += max(2 if label == previous else 1, int(random.poisson(frames_per_letter)))
        peaks.append((at, label, float(random.uniform(0.55, 0.98))))
        previous = label
    rows = np.zeros((at + 1 + tail_frames, len(alphabet) + 1))
    rows[:, alphabet.blank] = 1.0
    for frame, label, height in peaks:
        alike = [
            alphabet.encode(other)[0]
            for group in _ALIKE
            if alphabet.labels[label] in group
            for other in group
            if other != alphabet.labels[label] and alphabet.can_spell(other)
        ]
        rows[frame] = 0.0
        rows[frame, alphabet.blank] = (1 - height) / 2
        if alike and random.random() < confusion:
            rows[frame, random.choice(alike)] += height * 0.7
            rows[frame, label] += height * 0.3 + (1 - height) / 2
        else:
            rows[frame, label] += height
            rows[frame, random.choice(alike) if alike else alphabet.blank] += (1 - height) / 2
    spread = random.dirichlet(np.full(len(alphabet) + 1, 0.3), len(rows))
    share = noise * random.uniform(0.2, 1.8, (len(rows), 1))
    rows = rows * (1 - share) + spread * share
    return np.ascontiguousarray(rows / rows.sum(axis=1, keepdims=True), np.float32)


def letters_as_sounds(word: str) -> tuple[int, ...]:
    """Return a pronunciation with one phoneme per letter."""
    return tuple(label - 1 for label in ENGLISH.encode(word))


def with_sounds(rows: FloatArray) -> FloatArray:
    """Append phoneme outputs to letter outputs.

    Each letter has the phoneme of `letters_as_sounds`; spaces have none.

    Returns:
        float32 (frames, labels + 1 + phonemes + 1).
    """
    n = len(ENGLISH) + 1
    sounds = np.zeros((len(rows), len(PHONEMES) + 1), np.float32)
    sounds[:, : n - 2] = rows[:, 1 : n - 1]
    sounds[:, -1] = rows[:, ENGLISH.space] + rows[:, ENGLISH.blank]
    return np.concatenate([rows, sounds], axis=1)


def with_leaves(rows: FloatArray, leaves: Leaves, others: float = 0.3) -> FloatArray:
    """Replace phoneme outputs by those of leaves.

    Each phoneme's leaf behind the phoneme heard last has its probability, the others a share of it.

    Args:
        rows: as of `with_sounds`.
        leaves: the leaves.
        others: this share.
    """
    sounds = rows[:, len(ENGLISH) + 1 :]
    result = np.empty((len(rows), len(leaves) + 1), np.float32)
    heard = left = len(PHONEMES)
    for row, best, out in zip(sounds, np.nan_to_num(sounds).argmax(axis=1).tolist(), result):
        if best != heard:
            left, heard = (heard if heard < len(PHONEMES) else left), best
        out[:-1] = others * row[leaves.phonemes]
        out[leaves.table[left]] = row[:-1]
        out[-1] = row[-1]
    return np.concatenate([rows[:, : len(ENGLISH) + 1], result], axis=1)


def chunks(rows: FloatArray, size: int = 16) -> list[FloatArray]:
    """Split probabilities into chunks of the acoustic model's size."""
    return [rows[start : start + size] for start in range(0, len(rows), size)]
