"""Batches of clips of similar length: augmented, padded, with their targets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from streamer.errors import StreamerError
from streamer.features.normalisation import RunningNormalisation
from streamer.training.data.augmentation import FeatureAugmentation
from streamer.training.data.cache import Cache, Entry
from streamer.training.data.distillation import STRIDE
from streamer.training.data.multi_condition import MultiCondition
from streamer.training.language.pronunciations import PHONEMES, Pronunciations

#: The labels of the English models of the DeepSpeech family, in order; the blank follows.
LETTERS = " abcdefghijklmnopqrstuvwxyz'"

#: Share of the clips in training whose stream has gone on for long: normalised by moments that
#: have seen the clip. The others begin a stream.
WARM_SHARE = 0.5


@dataclass(frozen=True)
class Example:
    """A clip with its targets.

    Attributes:
        cache: number of its cache.
        entry: its entry there.
        letters: labels of the transcript.
        phonemes: labels of its phonemes; empty if a word has no known pronunciation.
    """

    cache: int
    entry: Entry
    letters: tuple[int, ...]
    phonemes: tuple[int, ...]


class Batch(NamedTuple):
    """Inputs and targets of one step.

    Attributes:
        vectors: float32 (batch, time + 2 n_context, n_input).
        n_frames: int64 (batch,).
        letters: int64, all transcripts one after the other.
        n_letters: int64 (batch,).
        phonemes: int64, likewise.
        n_phonemes: int64 (batch,); 0 if they are not known.
        no_speech: bool (batch,): clips in whose place there is noise alone, without labels.
        teacher: indices of the teacher's vectors, int64 (frames / STRIDE, n_codebooks), see
            `distillation.STRIDE`; -1 for clips without, None without a teacher.
    """

    vectors: Tensor
    n_frames: Tensor
    letters: Tensor
    n_letters: Tensor
    phonemes: Tensor
    n_phonemes: Tensor
    no_speech: Tensor
    teacher: Tensor | None

    def to(self, device: torch.device) -> Batch:
        """Return the batch on another device."""
        return Batch(*(None if part is None else part.to(device) for part in self))


def frames_needed(labels: Sequence[int]) -> int:
    """Return the least frames CTC needs: one per label, one more between equal labels."""
    return len(labels) + sum(a == b for a, b in zip(labels, labels[1:]))


class DataSet:
    """The clips of one or more caches.

    Args:
        caches: feature caches with the same front end.
        n_context: vectors of zeros on either side of a clip.
        pronunciations: source of phoneme targets; None for letters only.
        longest_s: longer clips are left out.

    Attributes:
        examples: the usable clips.
        left_out: number of clips that are too long, or too short for their transcript.
        multi_condition: changes the waveforms of a share of the clips, or None.
        normalisation: normalises the coefficients of each clip, or None.

    Raises:
        StreamerError: no clip is usable, or the front ends differ.
    """

    def __init__(
        self,
        caches: Sequence[Cache],
        n_context: int = 9,
        pronunciations: Pronunciations | None = None,
        longest_s: float = 20.0,
    ) -> None:
        self.caches = list(caches)
        self.n_context = n_context
        self.multi_condition: MultiCondition | None = None
        self.normalisation: RunningNormalisation | None = None
        self.front_end: dict[str, Any] = self.caches[0].front_end
        if any(cache.front_end != self.front_end for cache in self.caches):
            raise StreamerError(
                "the data sets were prepared with different front ends",
                "prepare them again with one",
            )
        self.frames_per_s: float = self.front_end["sample_rate_hz"] / self.front_end["step_samples"]
        number = {letter: i for i, letter in enumerate(LETTERS)}
        self.examples: list[Example] = []
        self.left_out = 0
        for index, cache in enumerate(self.caches):
            for entry in cache.entries:
                letters = tuple(number[letter] for letter in entry.transcript)
                fits = frames_needed(letters) <= entry.n_frames <= longest_s * self.frames_per_s
                if not fits:
                    self.left_out += 1
                    continue
                found = pronunciations.sentence(entry.transcript) if pronunciations else None
                phonemes = tuple(found or ())
                if frames_needed(phonemes) > entry.n_frames:
                    phonemes = ()
                self.examples.append(Example(index, entry, letters, phonemes))
        if not self.examples:
            raise StreamerError("the data sets hold no usable clip", "check their manifests")

    def set_phonemes(self, phonemes: Sequence[tuple[int, ...]]) -> None:
        """Replace the phonemes of all examples, except where they do not fit into the frames."""
        self.examples = [
            replace(e, phonemes=new) if frames_needed(new) <= e.entry.n_frames else e
            for e, new in zip(self.examples, phonemes)
        ]

    @property
    def hours(self) -> float:
        """Hours of speech."""
        return sum(e.entry.n_frames for e in self.examples) / self.frames_per_s / 3600

    @property
    def n_phonemes(self) -> int:
        """Phonemes and their blank; 0 if there are no phoneme targets."""
        return len(PHONEMES) + 1 if any(e.phonemes for e in self.examples) else 0

    @property
    def n_teacher(self) -> int:
        """Codebooks of the teacher's vectors; 0 if there are none."""
        widths = {c.teacher.shape[1] for c in self.caches if c.teacher is not None}
        return int(next(iter(widths))) if widths else 0

    def statistics(self, most_clips: int = 500) -> tuple[Any, Any]:
        """Return mean and standard deviation of each coefficient, float32 (n_input,) both.

        Args:
            most_clips: number of clips to take them from, spread evenly.
        """
        chosen = self.examples[:: max(1, len(self.examples) // most_clips)]
        rows = np.concatenate([self.caches[e.cache].vectors(e.entry) for e in chosen])
        return rows.mean(axis=0), np.maximum(rows.std(axis=0), 1e-3)

    def order(
        self, batch_s: float, epoch: int, seed: int, short_first: bool = True
    ) -> list[list[Example]]:
        """Return the batches of an epoch, each of clips of similar length.

        Args:
            batch_s: approximate seconds of speech in a batch.
            epoch: 0 is the first.
            seed: random seed of the order.
            short_first: whether the first epoch goes from short to long clips; all others are
                shuffled.
        """
        rng = np.random.default_rng([seed, epoch])
        jitter = rng.uniform(0.9, 1.1, len(self.examples))
        lengths = np.array([e.entry.n_frames for e in self.examples])
        batches: list[list[Example]] = []
        longest = 0
        for index in np.argsort(lengths * jitter):
            longest = max(longest, int(lengths[index]))
            if not batches or longest * (len(batches[-1]) + 1) > batch_s * self.frames_per_s:
                batches.append([])
                longest = int(lengths[index])
            batches[-1].append(self.examples[index])
        if epoch or not short_first:
            rng.shuffle(batches)  # type: ignore[arg-type]
        return batches

    def batch(
        self,
        examples: Sequence[Example],
        augmentation: FeatureAugmentation | None = None,
        strength: float = 0.0,
        seed: Sequence[int] = (0,),
        with_teacher: bool = False,
        conditions: float = 0.0,
        views: int = 1,
    ) -> Batch:
        """Make a batch.

        Args:
            examples: its clips.
            augmentation: augments their coefficients.
            strength: strength of the augmentation, 0 to 1.
            seed: random seed of the augmentation.
            with_teacher: whether to add the indices of the teacher's vectors.
            conditions: strength of `multi_condition`, 0 to 1.
            views: how often each clip is in it, with different masks: all clips, then all once
                more in the same order.
        """
        rng = np.random.default_rng(list(seed))
        seen, heard, no_speech = [], [], []
        for example in examples:
            noise = self._noise(example, conditions, rng)
            no_speech.append(noise is not None)
            if noise is None:
                seen.append(self._example(example, augmentation, strength, conditions, rng, views))
                heard.append(example)
            else:
                seen.append(([noise] * views, np.full(len(noise), -1)))
                heard.append(replace(example, letters=(), phonemes=()))
        made = [(vectors[view], position) for view in range(views) for vectors, position in seen]
        examples = heard * views
        if self.normalisation is not None:
            warm_share = WARM_SHARE if augmentation is not None else 0.0
            made = [
                (self._normalised(vectors, rng.random() < warm_share), moved)
                for vectors, moved in made
            ]
        n_frames = [len(vectors) for vectors, _ in made]
        width = made[0][0].shape[1]
        context = self.n_context
        padded = np.zeros((len(made), max(n_frames) + 2 * context, width), np.float32)
        for row, (vectors, _) in zip(padded, made):
            row[context : context + len(vectors)] = vectors
        phonemes = [
            e.phonemes if frames_needed(e.phonemes) <= n else () for e, n in zip(examples, n_frames)
        ]
        teacher = None
        if with_teacher:
            first = np.cumsum([0, *n_frames])
            targets = [
                self._targets(e, position[-at % STRIDE :: STRIDE])
                for e, (_, position), at in zip(examples, made, first)
            ]
            teacher = torch.from_numpy(np.concatenate(targets))
        return Batch(
            torch.from_numpy(padded),
            torch.tensor(n_frames),
            torch.tensor([label for e in examples for label in e.letters], dtype=torch.long),
            torch.tensor([len(e.letters) for e in examples]),
            torch.tensor([label for labels in phonemes for label in labels], dtype=torch.long),
            torch.tensor([len(labels) for labels in phonemes]),
            torch.tensor(no_speech * views),
            teacher,
        )

    def _normalised(self, vectors: Any, warm: bool) -> Any:
        """Return the coefficients of a clip, normalised."""
        assert self.normalisation is not None
        self.normalisation.reset()
        if warm:
            self.normalisation.normalise_all(vectors)
        return self.normalisation.normalise_all(vectors)

    def _noise(self, example: Example, conditions: float, rng: np.random.Generator) -> Any:
        """Return coefficients of noise as long as a clip, to be heard in its place, or None."""
        change = self.multi_condition
        share = 0.0 if change is None else change.no_speech_share * conditions
        if change is None or not share or rng.random() >= share:
            return None
        n_samples = len(self.caches[example.cache].samples(example.entry))
        return change.without_speech(n_samples, conditions, rng)

    def _example(
        self,
        example: Example,
        augmentation: FeatureAugmentation | None,
        strength: float,
        conditions: float,
        rng: np.random.Generator,
        views: int,
    ) -> tuple[list[Any], Any]:
        """Return views of the coefficients of a clip, and the position of each frame in it."""
        cache, entry = self.caches[example.cache], example.entry
        vectors = np.asarray(cache.vectors(entry))
        position = np.arange(len(vectors), dtype=np.float32)
        # A clip that became too short for its transcript is not augmented.
        shortest = frames_needed(example.letters)
        change = self.multi_condition
        if change is not None and change.chosen(conditions, rng):
            heard, moved = change(cache.samples(entry), entry.n_frames, conditions, rng)
            if len(heard) >= shortest:
                vectors, position = heard, moved
                augmentation = augmentation and augmentation.light
        if augmentation is not None and strength > 0:
            changed, moved = augmentation.views(vectors, strength, rng, views)
            if len(moved) >= shortest:
                return changed, np.interp(moved, np.arange(len(position)), position)
        return [vectors] * views, position

    def _targets(self, example: Example, position: Any) -> Any:
        """Return the indices of the teacher's vectors at positions in a clip; -1 for none."""
        teacher = self.caches[example.cache].teacher
        if teacher is None or position.min(initial=0) < 0:
            return np.full((len(position), self.n_teacher), -1)
        first = example.entry.first_frame
        nearest = np.rint(position).astype(np.int64)
        return teacher[first : first + example.entry.n_frames][nearest].astype(np.int64)


def evaluation_batches(data: DataSet, batch_s: float) -> Iterator[tuple[list[Example], Batch]]:
    """Yield all clips of a data set in batches, without augmentation."""
    for examples in data.order(batch_s, 0, 0):
        yield examples, data.batch(examples)
