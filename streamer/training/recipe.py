"""The training from manifests to a checkpoint, in one process or several."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from streamer.training.data.batches import DataSet
from streamer.training.log import Log, SilentLog, open_log
from streamer.training.optimisation.trainer import CHECKPOINT, Trainer
from streamer.training.optimisation.workers import (
    ALONE,
    Workers,
    computing_threads,
    joined_workers,
)
from streamer.training.preparation import prepare
from streamer.training.settings import Recipe

#: Seconds between checkpoints.
SAVE_EVERY_S = 300.0


def run(recipe: Recipe, save_every_s: float = SAVE_EVERY_S) -> Path:
    """Run the recipe as a command does: with a log in its folder, and its own threads.

    Returns:
        The checkpoint.

    Raises:
        StreamerError: see `train`.
    """
    threads = computing_threads(recipe.processes // recipe.workers)
    with threads, open_log(recipe.folder / "training.log") as log:
        checkpoint = train(recipe, log, save_every_s)
        log.say(f"checkpoint: {checkpoint}")
    return checkpoint


def train(recipe: Recipe, log: Log, save_every_s: float = SAVE_EVERY_S) -> Path:
    """Run the recipe, or resume it.

    Returns:
        The checkpoint.

    Raises:
        StreamerError: something cannot be read, or an interrupted training had other settings.
    """
    data, dev = prepare(recipe, log)
    with _worker_processes(recipe) as workers:
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
def _worker_processes(recipe: Recipe) -> Iterator[Workers]:
    """Start the other workers and join them; wait for them at the end."""
    if recipe.workers == 1:
        yield ALONE
        return
    import torch.multiprocessing

    context = torch.multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder:
        meeting_point = str(Path(folder) / "meeting")
        others = [
            context.Process(target=_work, args=(recipe, rank, meeting_point), daemon=True)
            for rank in range(1, recipe.workers)
        ]
        for other in others:
            other.start()
        with joined_workers(0, recipe.workers, meeting_point) as workers:
            try:
                yield workers
                for other in others:
                    other.join()
            finally:
                for other in others:
                    other.terminate()


def _work(recipe: Recipe, rank: int, meeting_point: str) -> None:
    """Train as one of several workers, without log and checkpoints."""
    log = SilentLog()
    with computing_threads(recipe.processes // recipe.workers):
        data, _ = prepare(recipe, log)
        with joined_workers(rank, recipe.workers, meeting_point) as workers:
            _train(recipe, data, None, log, float("inf"), workers)
