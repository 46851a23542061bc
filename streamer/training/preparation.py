"""Preparation of training data: features, augmented copies, targets. Finished steps are kept."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Callable

from streamer.errors import StreamerError
from streamer.features.normalisation import create_normalisation
from streamer.training.data.batches import DataSet
from streamer.training.data.cache import Cache, build_cache
from streamer.training.data.manifests import Clip, read_data_set
from streamer.training.data.multi_condition import MultiCondition
from streamer.training.data.waveform import WaveformAugmentation
from streamer.training.language.pronunciation_selection import select_pronunciations
from streamer.training.language.pronunciations import Pronunciations
from streamer.training.log import Log
from streamer.training.network import kernels
from streamer.training.network.initial_weights import load_weights, read_initial_weights
from streamer.training.network.training_network import TrainingNetwork
from streamer.training.optimisation.workers import computing_threads
from streamer.training.settings import Recipe

#: The lexicon, in the folder of caches.
PRONUNCIATIONS = "pronunciations.gz"
#: The codebooks of the teacher's vectors, in the folder of caches.
CODEBOOKS = "codebooks.npz"
#: The pronunciations that the initial network selected, in the output folder.
SELECTED_PRONUNCIATIONS = "spoken.json.gz"
#: Augmented copies are seeded this far apart: farther than clips, whose seeds are consecutive.
_COPY_SEED_STEP = 1_000_003


def prepare(recipe: Recipe, log: Log) -> tuple[DataSet, DataSet | None]:
    """Read the data; compute features, copies and distillation targets that are missing.

    Returns:
        Training data, and dev data if there are any.

    Raises:
        StreamerError: a manifest or a recording cannot be read.
    """
    train: list[Cache] = []
    for number, place in enumerate(recipe.train, 1):
        clips = read_data_set(place, recipe.audio_root)
        original = _cache(recipe, _numbered("train", number), clips, log, 0)
        train.append(_with_teacher(original, recipe, log))
        for copy in range(1, recipe.augmented_copies + 1):
            train.append(_cache(recipe, _numbered(f"copy-{copy}", number), clips, log, copy))
    pronunciations = Pronunciations(recipe.cache / PRONUNCIATIONS) if recipe.phonemes else None
    data = DataSet(train, pronunciations=pronunciations)
    data.multi_condition = _multi_condition(recipe, train)
    log.say(
        f"training: {len(data.examples)} clips, {data.hours:.2f} h"
        + (f", {data.left_out} left out" if data.left_out else "")
    )
    if pronunciations is not None and recipe.start_from is not None:
        _select_pronunciations(recipe, recipe.start_from, data, pronunciations, log)
    if not recipe.dev:
        return data, None
    dev_clips = [clip for place in recipe.dev for clip in read_data_set(place, recipe.audio_root)]
    dev_cache = _cache(recipe, "dev", dev_clips, log, 0)
    dev = DataSet([dev_cache], pronunciations=pronunciations)
    log.say(f"dev: {len(dev.examples)} clips, {dev.hours:.2f} h")
    return data, dev


def _multi_condition(recipe: Recipe, train: Sequence[Cache]) -> MultiCondition | None:
    """Return what changes the waveforms in training, if it is wanted."""
    if not recipe.multi_condition:
        return None
    if not all(len(cache.audio) for cache in train):
        raise StreamerError(
            "the features were packed without the speech, which --multi-condition needs",
            "create the caches again from the recordings, or train without it",
        )
    rate_hz = int(recipe.front_end["sample_rate_hz"])
    speech = [cache.audio for cache in train]
    change = WaveformAugmentation(rate_hz, noise_folder=recipe.noise, speech=speech)
    return MultiCondition(recipe.front_end, change, recipe.multi_condition, recipe.no_speech)


def _numbered(name: str, number: int) -> str:
    """Return the name of a data set's cache; the first has no number."""
    return name if number == 1 else f"{name}-{number}"


def _with_teacher(cache: Cache, recipe: Recipe, log: Log) -> Cache:
    """Add distillation targets if there is a teacher and they are missing."""
    if recipe.teacher is None or cache.teacher is not None:
        return cache
    from streamer.training.data.codebooks import Codebooks
    from streamer.training.data.distillation import (
        WhisperTeacher,
        create_codebooks,
        write_targets,
    )

    teacher = WhisperTeacher(recipe.teacher, recipe.processes)
    kept = recipe.cache / CODEBOOKS
    if not kept.is_file():
        create_codebooks(cache, teacher).save(kept)
    write_targets(
        cache,
        teacher,
        Codebooks.load(kept),
        lambda items, count: log.follow("teacher", items, count),
    )
    return Cache(cache.where)


def _select_pronunciations(
    recipe: Recipe,
    start_from: str | Path,
    data: DataSet,
    pronunciations: Pronunciations,
    log: Log,
) -> None:
    """Replace first pronunciations by those the initial network selects, if it has phonemes."""
    kept = recipe.folder / SELECTED_PRONUNCIATIONS
    if not kept.is_file():
        initial = read_initial_weights(start_from)
        if not initial.shape.n_phonemes:
            return
        network = TrainingNetwork(initial.shape, fast=not kernels.why_not())
        load_weights(network, initial)
        data.normalisation = create_normalisation(initial.front_end.get("normalisation"))
        with computing_threads(recipe.processes):  # the other workers begin later
            selected = select_pronunciations(
                network, data, pronunciations,
                follow=lambda items, count: log.follow("pronunciations", items, count),
            )  # fmt: skip
        data.normalisation = None
        recipe.folder.mkdir(parents=True, exist_ok=True)
        with gzip.open(kept, "wt", encoding="ascii") as file:
            json.dump(selected, file)
    with gzip.open(kept, "rt", encoding="ascii") as file:
        phonemes = [tuple(sentence) for sentence in json.load(file)]
    if len(phonemes) != len(data.examples):
        raise StreamerError(f"{kept} belongs to other clips", "remove it")
    changed = sum(e.phonemes != new for e, new in zip(data.examples, phonemes))
    data.set_phonemes(phonemes)
    log.say(f"pronunciations other than the dictionary's first: {changed} clips")


def _cache(recipe: Recipe, name: str, clips: Sequence[Clip], log: Log, copy: int) -> Cache:
    where = recipe.cache / name
    if (where / "clips.json").is_file():
        cache = Cache(where)
        if _matches(cache, clips, recipe.front_end):
            return cache
        raise StreamerError(
            f"{where} was made of other clips or with another front end",
            "train into another folder, or remove that one",
        )
    change: Callable[..., Any] | None = None
    if copy:
        rate_hz = int(recipe.front_end["sample_rate_hz"])
        change = WaveformAugmentation(rate_hz, noise_folder=recipe.noise)
    return build_cache(
        clips, where, recipe.front_end, recipe.processes, change,
        seed=recipe.settings.seed + copy * _COPY_SEED_STEP,
        progress=lambda items, count: log.follow(f"features: {name}", items, count),
    )  # fmt: skip


def _matches(cache: Cache, clips: Sequence[Clip], front_end: Mapping[str, Any]) -> bool:
    kept = [(entry.path, entry.transcript) for entry in cache.entries]
    wanted = [(str(clip.path), clip.transcript) for clip in clips]
    # The cache's front end has been through JSON, where a tuple becomes a list.
    return kept == wanted and cache.front_end == json.loads(json.dumps(dict(front_end)))
