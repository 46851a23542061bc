"""The whole recipe: from manifests to a trained network, each step only if it is not done yet."""

from __future__ import annotations

import gzip
import json
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import (
    Any,
    Callable,
    TypeVar,
)

from streamer.errors import StreamerError
from streamer.features import PythonSpeechFeaturesFrontEnd
from streamer.training.data.batches import DataSet
from streamer.training.data.cache import Cache, build_cache
from streamer.training.data.manifests import Clip, read_data_set
from streamer.training.data.multi_condition import MultiCondition
from streamer.training.data.waveform import WaveformAugmentation
from streamer.training.language.pronunciation_selection import spoken_ways
from streamer.training.language.pronunciations import Pronunciations
from streamer.training.network import kernels
from streamer.training.network.trainer import (
    Trainer,
    TrainingSettings,
    load_weights,
    read_checkpoint,
)
from streamer.training.network.training_network import NetworkShape, TrainingNetwork
from streamer.training.network.workers import ALONE, Workers, join_workers

Item = TypeVar("Item")


class Log:
    """Where a training says what it does; the command line shows it, a test keeps it."""

    def say(self, line: str) -> None:
        """Take one line."""
        print(line, flush=True)

    def follow(self, what: str, items: Iterable[Item], count: int) -> Iterable[Item]:
        """Pass items on and show how many are done."""
        return items


@dataclass(frozen=True)
class Recipe:
    """What to train on and how.

    Attributes:
        train: manifests or folders; see `read_data_set`. Each has a cache of its own.
        dev: the same, to judge by; may be empty.
        folder: where everything goes: caches, checkpoints, log and plot.
        settings: how to train.
        front_end: the ``front_end`` entry of ``model.json``.
        audio_root: what relative paths in manifests start from; None for their own folder.
        copies: how many changed copies of the speech are made.
        multi_condition: share of the clips whose sound is changed anew each time.
        noise: folder of recorded noises for both, or None.
        phonemes: whether there is a phoneme task.
        teacher: a Whisper model in CTranslate2's format, or None.
        processes: how many processes read and change the speech.
        start_from: a checkpoint to begin with, or None.
        workers: how many processes train together, each on its share of every batch.
        caches: where features and all else that does not depend on the settings is kept;
            None for a folder in ``folder``.
    """

    train: Sequence[Path]
    dev: Sequence[Path]
    folder: Path
    settings: TrainingSettings = field(default_factory=TrainingSettings)
    front_end: Mapping[str, Any] = field(
        default_factory=lambda: PythonSpeechFeaturesFrontEnd().describe()
    )
    audio_root: Path | None = None
    copies: int = 0
    multi_condition: float = 0.0
    noise: Path | None = None
    phonemes: bool = True
    teacher: Path | None = None
    processes: int = 2
    start_from: Path | None = None
    workers: int = 1
    caches: Path | None = None

    @property
    def cache(self) -> Path:
        """Folder of the caches."""
        return self.caches or self.folder / "cache"


#: The checkpoint that a training leaves, and resumes from.
CHECKPOINT = "last.pt"
#: How words are spoken, in the folder of caches.
PRONUNCIATIONS = "pronunciations.gz"
#: The phonemes of each clip as the checkpoint to begin with hears them.
SPOKEN = "spoken.json.gz"


def prepare(recipe: Recipe, log: Log) -> tuple[DataSet, DataSet | None]:
    """Read the data, compute features, copies and the teacher's vectors where they are missing.

    Raises:
        StreamerError: a manifest or a recording cannot be read.
    """
    train: list[Cache] = []
    for number, place in enumerate(recipe.train, 1):
        clips = read_data_set(place, recipe.audio_root)
        plain = _cache(recipe, _numbered("train", number), clips, log, 0)
        train.append(_taught(plain, recipe, log))
        for copy in range(1, recipe.copies + 1):
            train.append(_cache(recipe, _numbered(f"copy-{copy}", number), clips, log, copy))
    kept = recipe.cache / PRONUNCIATIONS
    said = Pronunciations(kept) if recipe.phonemes else None
    data = DataSet(train, pronunciations=said)
    data.multi_condition = _multi_condition(recipe, train)
    log.say(f"training: {len(data.examples)} clips, {data.hours:.2f} h"
            + (f", {data.left_out} left out" if data.left_out else ""))  # fmt: skip
    if said is not None and recipe.start_from is not None:
        _listen(recipe, recipe.start_from, data, said, log)
    if not recipe.dev:
        return data, None
    dev_cache = _cache(recipe, "dev", _read(recipe.dev, recipe.audio_root), log, 0)
    dev = DataSet([dev_cache], pronunciations=said)
    log.say(f"dev: {len(dev.examples)} clips, {dev.hours:.2f} h")
    return data, dev


def _multi_condition(recipe: Recipe, train: Sequence[Cache]) -> MultiCondition | None:
    """Return what changes the sound of the training's clips, if that is wanted."""
    if not recipe.multi_condition:
        return None
    if not all(len(cache.audio) for cache in train):
        raise StreamerError(
            "the features were packed without the speech, which --multi-condition changes",
            "make the caches again from the recordings, or train without it",
        )
    rate_hz = int(recipe.front_end["sample_rate_hz"])
    speech = [cache.audio for cache in train]
    change = WaveformAugmentation(rate_hz, noise_folder=recipe.noise, speech=speech)
    return MultiCondition(recipe.front_end, change, recipe.multi_condition)


def _numbered(name: str, number: int) -> str:
    """Return the name of the cache of a data set; the first has no number."""
    return name if number == 1 else f"{name}-{number}"


def _taught(cache: Cache, recipe: Recipe, log: Log) -> Cache:
    """Add the teacher's vectors, if one is asked and they are missing."""
    if recipe.teacher is None or cache.teacher is not None:
        return cache
    from streamer.training.data.distillation import WhisperTeacher, teach

    teach(
        cache,
        WhisperTeacher(recipe.teacher, recipe.processes),
        lambda items, count: log.follow("teacher", items, count),
    )
    return Cache(cache.where)


def _listen(
    recipe: Recipe, checkpoint_path: Path, data: DataSet, said: Pronunciations, log: Log
) -> None:
    """Learn from the pronunciations that the network to begin with hears, if it hears phonemes."""
    kept = recipe.folder / SPOKEN
    if not kept.is_file():
        checkpoint = read_checkpoint(checkpoint_path)
        network = TrainingNetwork(NetworkShape(**checkpoint["shape"]), fast=not kernels.why_not())
        load_weights(network, checkpoint)
        if not network.shape.n_phonemes:
            return
        ways = spoken_ways(
            network, data, said, follow=lambda items, count: log.follow("spoken", items, count)
        )
        recipe.folder.mkdir(parents=True, exist_ok=True)
        with gzip.open(kept, "wt", encoding="ascii") as file:
            json.dump(ways, file)
    with gzip.open(kept, "rt", encoding="ascii") as file:
        phonemes = [tuple(sentence) for sentence in json.load(file)]
    if len(phonemes) != len(data.examples):
        raise StreamerError(f"{kept} was made of other clips", "remove it")
    changed = sum(e.phonemes != new for e, new in zip(data.examples, phonemes))
    data.set_phonemes(phonemes)
    log.say(f"spoken otherwise than the dictionary says first: {changed} clips")


def train(recipe: Recipe, log: Log, save_every_s: float = 300.0) -> Path:
    """Run the recipe, or go on where it was interrupted.

    Returns:
        The checkpoint.

    Raises:
        StreamerError: something cannot be read, or an interrupted training had other settings.
    """
    data, dev = prepare(recipe, log)
    with _others(recipe) as workers:
        _train(recipe, data, dev, log, save_every_s, workers)
    return recipe.folder / CHECKPOINT


def _train(
    recipe: Recipe,
    data: DataSet,
    dev: DataSet | None,
    log: Log,
    save_every_s: float,
    workers: Workers,
) -> None:
    trainer = Trainer(
        recipe.settings, data, dev, recipe.folder, log.say, recipe.start_from, workers=workers
    )
    checkpoint = recipe.folder / CHECKPOINT
    if checkpoint.is_file():
        trainer.resume(checkpoint)
        log.say(f"resumed at step {trainer.progress.step}, epoch {trainer.progress.epoch + 1}")
    trainer.run(save_every_s)


@contextmanager
def _others(recipe: Recipe) -> Iterator[Workers]:
    """Start the other workers, meet them, and see them off at the end."""
    if recipe.workers == 1:
        yield ALONE
        return
    import torch.multiprocessing

    context = torch.multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder:
        meeting = str(Path(folder) / "meeting")
        others = [
            context.Process(target=_work, args=(recipe, rank, meeting), daemon=True)
            for rank in range(1, recipe.workers)
        ]
        for other in others:
            other.start()
        try:
            yield join_workers(0, recipe.workers, meeting)
            for other in others:
                other.join()
        finally:
            for other in others:
                other.terminate()
            if torch.distributed.is_initialized():
                torch.distributed.destroy_process_group()


def _work(recipe: Recipe, rank: int, meeting: str) -> None:
    """Train with the others; this process neither speaks nor saves."""
    import torch

    torch.set_num_threads(max(1, recipe.processes // recipe.workers))
    torch.set_flush_denormal(True)
    data, _ = prepare(recipe, _Silent())
    workers = join_workers(rank, recipe.workers, meeting)
    _train(recipe, data, None, _Silent(), 1e9, workers)


class _Silent(Log):
    def say(self, line: str) -> None:
        """Take one line and keep it to itself."""


def _read(places: Sequence[Path], root: Path | None) -> list[Clip]:
    return [clip for place in places for clip in read_data_set(place, root)]


def _cache(recipe: Recipe, name: str, clips: Sequence[Clip], log: Log, copy: int) -> Cache:
    where = recipe.cache / name
    if (where / "clips.json").is_file():
        cache = Cache(where)
        if _same(cache, clips, recipe.front_end):
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
        seed=recipe.settings.seed + copy * 1_000_003,
        progress=lambda items, count: log.follow(f"features: {name}", items, count),
    )  # fmt: skip


def _same(cache: Cache, clips: Sequence[Clip], front_end: Mapping[str, Any]) -> bool:
    kept = [(entry.path, entry.transcript) for entry in cache.entries]
    wanted = [(str(clip.path), clip.transcript) for clip in clips]
    # Through JSON, as the cache has been: a tuple is a list there.
    return kept == wanted and cache.front_end == json.loads(json.dumps(dict(front_end)))
