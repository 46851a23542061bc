"""The training loop: steps, epochs, checkpoints."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, Callable

import numpy as np
import torch
from torch import Tensor, nn

from streamer.errors import StreamerError
from streamer.features.normalisation import RunningNormalisation, create_normalisation
from streamer.training.data.augmentation import FeatureAugmentation
from streamer.training.data.batches import LETTERS, Batch, DataSet, Example
from streamer.training.evaluation.greedy import Evaluation, evaluate
from streamer.training.network import kernels
from streamer.training.network.checkpoint import FORMAT, read_checkpoint, write_checkpoint
from streamer.training.network.initial_weights import (
    InitialWeights,
    load_weights,
    match_statistics,
)
from streamer.training.network.number_formats import matmul_dtype
from streamer.training.network.training_network import NetworkShape, Outputs, TrainingNetwork
from streamer.training.optimisation.averaging import WeightAverage
from streamer.training.optimisation.objective import Objective
from streamer.training.optimisation.optimiser import Optimisers
from streamer.training.optimisation.progress import TrainingProgress, plot
from streamer.training.optimisation.starting_point import starting_point
from streamer.training.optimisation.workers import ALONE, Workers
from streamer.training.settings import TrainingSettings

#: Checkpoint that a training writes, and resumes from.
CHECKPOINT = "last.pt"
#: A line of the log every so many seconds, and every so many steps.
_LOG_SECONDS, _LOG_STEPS = 20.0, 100
#: Steps before the running loss counts for ``clean_until``.
_LOSS_STEPS = 50
#: Decay of the running loss.
_LOSS_DECAY = 0.98
#: Hypotheses shown after each epoch.
_SHOWN_TEXTS = 3
#: Batches that the statistics of an unfolded network are taken from.
_STATISTICS_BATCHES = 8


class Trainer:
    """One training.

    Args:
        settings: hyperparameters.
        train: training data.
        dev: data for the evaluation after each epoch, or None.
        folder: output folder for checkpoints, log and plot.
        say: prints one line of the log.
        start_from: checkpoint, bundle folder or model name whose weights are the initial ones.
        clock: seconds, for the schedule by time.
        workers: this process among those that train together.
    """

    def __init__(
        self,
        settings: TrainingSettings,
        train: DataSet,
        dev: DataSet | None,
        folder: Path,
        say: Callable[[str], None] = print,
        start_from: str | Path | None = None,
        clock: Callable[[], float] = time.monotonic,
        workers: Workers = ALONE,
    ) -> None:
        self.workers = workers
        self.settings = settings
        self.train = train
        self.dev = dev
        self.folder = folder
        self._say = say if workers.rank == 0 else lambda line: None
        self._clock = clock
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        initial, leaves = starting_point(settings, train, start_from)
        # What a trained network hears last, at the lowest rate, should not be long readings only.
        self._short_first = initial is None
        torch.manual_seed(settings.seed)
        shape = NetworkShape(
            n_input=int(train.front_end["n_coefficients"]),
            n_context=train.n_context,
            n_hidden=settings.n_hidden,
            n_labels=len(LETTERS) + 1,
            n_phonemes=train.n_phonemes if settings.phoneme_weight else 0,
            n_teacher=train.n_teacher if settings.distillation_weight else 0,
            n_leaves=0 if leaves is None else len(leaves),
        )
        reason = self._why_not_fast()
        self._autocast = settings.bf16 and matmul_dtype(self.device.type) is torch.bfloat16
        self.network = TrainingNetwork(shape, fast=not reason).to(self.device)
        if leaves is not None:
            self.network.set_leaves(leaves)
            self._say(f"phonemes: {len(leaves)} leaves")
        mean, deviation = self._set_normalisation(initial)
        self.network.set_normalisation(mean, deviation)
        self.progress = TrainingProgress()
        self._augmentation = FeatureAugmentation(train.front_end, settings.masking)
        self._objective = Objective(settings, train, self.network, self.device)
        if initial is not None:
            self._start_from(initial, mean, deviation)
            if settings.normalise:  # what the network had in its place is in the normalisation
                self.network.set_normalisation(mean, deviation)
        self.average = WeightAverage(self.network, settings.average_decay)
        self.optimisers = Optimisers(
            self.network, self.network.matrices(), settings.muon_lr, settings.adam_lr,
            settings.weight_decay, workers,
        )  # fmt: skip
        folder.mkdir(parents=True, exist_ok=True)
        self._say(
            "training kernels: "
            + (f"PyTorch's own, {reason}" if reason else kernels.instruction_set())
            + f"; matrix products in {'bfloat16' if self._autocast else 'float32'}"
        )

    def _why_not_fast(self) -> str:
        if self.device.type != "cpu":
            return f"on {self.device.type}"
        if not self.settings.bf16:
            return "in float32"
        if self.settings.n_hidden % 32:
            return "the width is not a multiple of 32"
        return kernels.why_not()

    def _set_normalisation(self, initial: InitialWeights | None) -> tuple[Any, Any]:
        """Let the data sets normalise, if wanted; return the moments of what they then give."""
        known = create_normalisation(initial.front_end.get("normalisation")) if initial else None
        if known is not None and not self.settings.normalise:
            raise StreamerError(
                "the network to start from takes normalised coefficients", "add --normalise"
            )
        mean, deviation = self.train.statistics()
        if not self.settings.normalise:
            return mean, deviation
        for data in (self.train, self.dev):
            if data is not None:
                data.normalisation = known or RunningNormalisation(mean, deviation)
        return np.zeros_like(mean), np.ones_like(deviation)

    @property
    def front_end(self) -> dict[str, Any]:
        """The ``front_end`` entry of ``model.json``."""
        normalisation = self.train.normalisation
        extra = {} if normalisation is None else {"normalisation": normalisation.describe()}
        return {**self.train.front_end, **extra}

    def _start_from(self, initial: InitialWeights, mean: Any, deviation: Any) -> None:
        if initial.folded and initial.front_end != self.front_end:
            raise StreamerError(
                "the model to start from has another front end",
                "choose the one it was trained with (--front-end)",
            )
        load_weights(self.network, initial)
        if initial.folded:
            match_statistics(self.network, mean, deviation, self._sample_batches())

    def _sample_batches(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield batches of clips of all lengths."""
        batches = self.train.order(self.settings.batch_s, 0, self.settings.seed)
        for examples in batches[:: max(1, len(batches) // _STATISTICS_BATCHES)]:
            batch = self.train.batch(examples).to(self.device)
            yield batch.vectors, batch.n_frames

    @property
    def strength(self) -> float:
        """Current strength of augmentation and dropout, 0 to 1."""
        progress = self.progress
        if progress.clean_step < 0:
            return 0.0
        rise = (progress.step - progress.clean_step) / max(1, self.settings.ramp_steps)
        return min(1.0, rise)

    def done_share(self) -> float:
        """Return the share of the training that is done, 0 to 1."""
        settings, progress = self.settings, self.progress
        if settings.minutes:
            return min(1.0, progress.seconds / (60 * settings.minutes))
        inside = progress.batch / max(1, len(self._order()))
        return min(1.0, (progress.epoch + inside) / settings.epochs)

    def lr_factor(self) -> float:
        """Return the current factor of the learning rates: warm-up, hold, linear decay."""
        settings = self.settings
        rise = min(1.0, (self.progress.step + 1) / max(1, settings.warm_up_steps))
        left = (1 - self.done_share()) / (1 - settings.lr_hold_share)
        return rise * max(0.0, min(1.0, left))

    def _order(self) -> list[list[Example]]:
        settings, progress = self.settings, self.progress
        batch_s = min(settings.batch_s, settings.first_batch_s * (1 + progress.epoch))
        key = (progress.epoch, batch_s)
        if getattr(self, "_ordered", None) is None or self._ordered[0] != key:
            length_s = batch_s / settings.n_views
            order = self.train.order(length_s, progress.epoch, settings.seed, self._short_first)
            self._ordered: Any = (key, order)
        return self._ordered[1]  # type: ignore[no-any-return]

    def run(self, save_every_s: float = 300.0, stop_after_steps: int = 0) -> None:
        """Train to the end.

        Args:
            save_every_s: seconds between checkpoints.
            stop_after_steps: stop early, with a checkpoint, as an interruption would; 0 for never.
        """
        progress = self.progress
        saved = logged = self._last_exchange = self._clock()
        parts: list[tuple[float, ...]] = []
        first_step = progress.step
        while self.done_share() < 1.0:
            order = self._order()
            if progress.batch >= len(order):
                self._end_epoch()
                self._last_exchange = self._clock()
                continue
            parts.append(self._step(order[progress.batch]))
            progress.batch += 1
            now = self._clock()
            if now - logged > _LOG_SECONDS or progress.step % _LOG_STEPS == 0:
                self._log_step(parts, len(order))
                parts, logged = [], now
            if now - saved > save_every_s:
                self.save(self.folder / CHECKPOINT)
                saved = now
            if stop_after_steps and progress.step - first_step >= stop_after_steps:
                self.save(self.folder / CHECKPOINT)
                return
        if progress.batch or not progress.history:
            self._end_epoch()

    def _step(self, examples: list[Example]) -> tuple[float, ...]:
        settings, progress, workers = self.settings, self.progress, self.workers
        strength = self.strength
        # If there are fewer clips than workers, each learns from all of them.
        share = examples[workers.rank :: workers.count] or examples
        batch = self.train.batch(
            share, self._augmentation, settings.strength * strength,
            (settings.seed, progress.epoch, progress.batch, workers.rank),
            self.network.shape.n_teacher > 0, strength, settings.n_views,
        ).to(self.device)  # fmt: skip
        self.network.train()
        self.network.dropout = settings.dropout * strength
        parts = self._objective(self._forward(batch), batch)
        weights = (
            settings.letter_weight, settings.phoneme_weight, settings.distillation_weight,
            settings.consistency_weight,
        )  # fmt: skip
        loss = sum((w * part for w, part in zip(weights, parts)), torch.zeros(()))
        loss.backward()  # type: ignore[no-untyped-call]
        values = self._exchange([part.detach() for part in parts])
        norm = float(
            nn.utils.clip_grad_norm_(self.network.parameters(), settings.max_gradient_norm)
        )
        if math.isfinite(norm):
            self.optimisers.step(self.lr_factor())
            self.average.update(self.network)
        else:
            self.network.zero_grad(set_to_none=True)
        self._count_step(values[0])
        return (*values, norm)

    def _exchange(self, parts: list[Tensor]) -> list[float]:
        """Average gradients, losses and time over the workers."""
        now = self._clock()
        elapsed = torch.tensor([now - self._last_exchange], device=self.device)
        self._last_exchange = now
        parameters = list(self.network.parameters())
        # Clips without a teacher leave its heads without a gradient; other workers may have one.
        gradients = [torch.zeros_like(p) if p.grad is None else p.grad for p in parameters]
        numbers = torch.cat([torch.stack(parts), elapsed])
        *shared, numbers = self.workers.add_up([*gradients, numbers])
        count = self.workers.count
        for parameter, gradient in zip(parameters, shared):
            parameter.grad = gradient / count if count > 1 else gradient
        values = [float(number) for number in numbers / count]
        self.progress.seconds += values.pop()
        return values

    def _count_step(self, loss: float) -> None:
        settings, progress = self.settings, self.progress
        progress.step += 1
        if math.isfinite(loss):
            old = progress.loss
            new = loss if math.isnan(old) else _LOSS_DECAY * old + (1 - _LOSS_DECAY) * loss
            progress.loss = new
            progress.epoch_loss += loss
        enough = progress.step > _LOSS_STEPS and progress.loss < settings.clean_until
        if progress.clean_step < 0 and enough:
            progress.clean_step = progress.step
            below = f"the loss is below {settings.clean_until}"
            self._say(f"step {progress.step}: {below}, augmentation begins")

    def _forward(self, batch: Batch) -> Outputs:
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self._autocast):
            return self.network(batch.vectors, batch.n_frames)  # type: ignore[no-any-return]

    def _log_step(self, parts: list[tuple[float, ...]], n_batches: int) -> None:
        progress = self.progress
        mean = np.mean(parts, axis=0)
        self._say(
            f"{progress.seconds / 60:6.1f} min  epoch {progress.epoch + 1} "
            f"batch {progress.batch}/{n_batches}  step {progress.step}  loss {mean[0]:.3f}  "
            f"phonemes {mean[1]:.3f}  teacher {mean[2]:.3f}  views {mean[3]:.3f}  "
            f"norm {mean[4]:.2f}  rate {self.lr_factor():.2f}  "
            f"augmentation {self.strength * self.settings.strength:.2f}"
        )

    def _end_epoch(self) -> None:
        progress = self.progress
        loss = progress.epoch_loss / max(1, progress.batch)
        entry = {"epoch": progress.epoch + 1.0, "step": float(progress.step),
                 "minutes": progress.seconds / 60, "loss": loss}  # fmt: skip
        if self.dev is not None and not self.workers.rank:
            entry.update(self._evaluate(self.dev, loss))
        progress.history.append(entry)
        progress.epoch += 1
        progress.batch = 0
        progress.epoch_loss = 0.0
        self.save(self.folder / CHECKPOINT)
        if not self.workers.rank:
            plot(progress.history, self.folder / "training.png")

    def _evaluate(self, dev: DataSet, loss: float) -> dict[str, float]:
        """Log and return the error rates of the averaged weights."""
        found = self.evaluate(dev)
        rates = {"wer": found.letters.wer, "cer": found.letters.cer}
        phonemes = ""
        if found.phonemes.words:
            rates["per"] = found.phonemes.wer
            phonemes = f", phonemes {rates['per']:.1%}"
        self._say(
            f"epoch {self.progress.epoch + 1} done: loss {loss:.3f}, dev, greedy: "
            f"WER {rates['wer']:.1%} CER {rates['cer']:.1%}{phonemes}"
        )
        for reference, hypothesis in found.texts[:_SHOWN_TEXTS]:
            self._say(f"     reference: {reference}\n    hypothesis: {hypothesis}")
        return rates

    def evaluate(self, data: DataSet) -> Evaluation:
        """Evaluate the averaged weights without a language model."""
        kept = {name: value.clone() for name, value in self.network.state_dict().items()}
        self.network.load_state_dict(self.average.state)
        self.network.eval()
        found: Evaluation = evaluate(
            data, self.settings.batch_s, lambda batch: self._forward(batch.to(self.device)),
            self.network.leaves,
        )  # fmt: skip
        self.network.load_state_dict(kept)
        return found

    def save(self, path: Path) -> None:
        """Write a checkpoint; `resume` continues from it exactly."""
        if self.workers.rank:
            return
        checkpoint = {
            "format": FORMAT,
            "shape": self.network.shape.as_dict(),
            "front_end": self.front_end,
            "letters": LETTERS,
            "settings": asdict(self.settings),
            "progress": asdict(self.progress),
            "network": self.network.state_dict(),
            "average": self.average.state,
            "average_steps": self.average.steps,
            "optimisers": self.optimisers.state_dict(),
            "random": torch.get_rng_state(),
            "hours": self.train.hours,
        }
        write_checkpoint(checkpoint, path)

    def resume(self, path: Path) -> None:
        """Continue from a checkpoint of the same settings and data.

        Raises:
            StreamerError: it is slim, or of a network of another shape.
        """
        checkpoint = read_checkpoint(path)
        if "optimisers" not in checkpoint:
            raise StreamerError(
                f"{path}: a slim checkpoint, which cannot be resumed", "start from it: --from"
            )
        if NetworkShape(**checkpoint["shape"]) != self.network.shape:
            raise StreamerError(
                f"{path}: was trained with another shape of network",
                "resume with the same options, or train into another folder",
            )
        self.network.load_state_dict(checkpoint["network"])
        self.average.state = checkpoint["average"]
        self.average.steps = checkpoint["average_steps"]
        self.optimisers.load_state_dict(checkpoint["optimisers"])
        self.progress = TrainingProgress(**checkpoint["progress"])
        torch.set_rng_state(checkpoint["random"])
