"""The training itself: steps, epochs, checkpoints, and a log a person can read."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Callable

import numpy as np
import torch
from torch import Tensor, nn

from streamer.errors import StreamerError
from streamer.training.data.augmentation import AugmentationSettings, FeatureAugmentation
from streamer.training.data.batches import LETTERS, Batch, DataSet, evaluation_batches
from streamer.training.evaluation.error_rates import (
    Errors,
    errors,
    greedy_labels,
    greedy_text,
    total,
)
from streamer.training.network import kernels, losses
from streamer.training.network.denominator_lm import trigram
from streamer.training.network.number_formats import matrix_type
from streamer.training.network.optimiser import Optimisers
from streamer.training.network.training_network import (
    NetworkShape,
    Outputs,
    TrainingNetwork,
    widened,
)
from streamer.training.network.workers import ALONE, Workers

#: Version of the checkpoint's layout.
FORMAT = 2
#: How much of the phonemes' loss is that above the LSTM where it is about whole sentences.
_SHARE_OF_SENTENCES = 0.8


@dataclass(frozen=True)
class TrainingSettings:
    """How to train.

    Attributes:
        n_hidden: units of each layer.
        epochs: how many passes over the data, where no time is given.
        minutes: how long to train, by the clock; the learning rate comes down to
            zero at its end however many steps that is. 0 for none.
        batch_s: seconds of speech in a batch.
        first_batch_s: the same in the first epoch, twice that in the second and so on:
            small batches leave the plateau sooner.
        muon_lr: learning rate of Muon; 0 trains everything with AdamW.
        adam_lr: learning rate of AdamW.
        weight_decay: of both.
        warm_up_steps: over which the learning rate rises.
        hold: share of the training before the learning rate begins to fall.
        dropout: share of units that are silenced.
        clean_until: no augmentation before the loss per letter has come below this.
        ramp_steps: over which augmentation and dropout then grow to full strength.
        strength: full strength of the augmentation.
        letter_weight: of the letters' loss.
        phoneme_weight: of the phoneme task's loss.
        sentence_weight: how much the phonemes' loss above the LSTM is about the right sentence
            against all others, see `losses.all_sentences`: 0 is CTC alone, 1 that alone.
        teacher_weight: of the teacher's loss in the beginning; it falls to zero.
        average: decay of the running average of the weights.
        clip: gradients of a greater norm are scaled to it.
        seed: of everything that is drawn.
        bf16: whether matrix products are in bfloat16, where the processor has it.
    """

    n_hidden: int = 512
    epochs: int = 30
    minutes: float = 0.0
    batch_s: float = 120.0
    first_batch_s: float = 60.0
    muon_lr: float = 0.02
    adam_lr: float = 2e-3
    weight_decay: float = 0.01
    warm_up_steps: int = 100
    hold: float = 0.3
    dropout: float = 0.1
    clean_until: float = 1.0
    ramp_steps: int = 1000
    strength: float = 1.0
    letter_weight: float = 1.0
    phoneme_weight: float = 1.0
    sentence_weight: float = 0.0
    teacher_weight: float = 1.0
    average: float = 0.998
    clip: float = 5.0
    seed: int = 1
    bf16: bool = True
    augmentation: AugmentationSettings = field(default_factory=AugmentationSettings)


@dataclass
class Progress:
    """Where a training stands; all of it is in the checkpoint.

    Attributes:
        epoch: passes begun, from 0.
        batch: batches done of this epoch.
        step: steps taken in all.
        seconds: time trained.
        loss: running loss per letter.
        epoch_loss: sum of the losses per letter of this epoch's batches.
        clean_step: the step at which the loss came below ``clean_until``; -1 before.
        history: one entry an epoch.
    """

    epoch: int = 0
    batch: int = 0
    step: int = 0
    seconds: float = 0.0
    loss: float = float("nan")
    epoch_loss: float = 0.0
    clean_step: int = -1
    history: list[dict[str, float]] = field(default_factory=list)


class Average:
    """A running average of a network's weights, which spells better than the last weights.

    Args:
        network: whose weights are averaged.
        decay: how much of the average stays at each step; less in the beginning.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.decay = decay
        self.steps = 0
        self.state = {name: value.clone() for name, value in network.state_dict().items()}

    @torch.no_grad()
    def update(self, network: nn.Module) -> None:
        """Take in the weights of one more step."""
        self.steps += 1
        keep = min(self.decay, (1 + self.steps) / (10 + self.steps))
        for name, value in network.state_dict().items():
            mine = self.state[name]
            if mine.is_floating_point():
                mine.lerp_(value, 1 - keep)
            else:
                mine.copy_(value)


class Trainer:
    """One training.

    Args:
        settings: how.
        train: what is learned from.
        dev: what each epoch is judged by; None to go without.
        folder: where checkpoints, log and plot go.
        say: takes one line of the log.
        start_from: a checkpoint whose weights to begin with.
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
        start_from: Path | None = None,
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
        torch.manual_seed(settings.seed)
        shape = NetworkShape(
            n_input=int(train.front_end["n_coefficients"]),
            n_context=train.n_context,
            n_hidden=settings.n_hidden,
            n_labels=len(LETTERS) + 1,
            n_phonemes=train.n_phonemes if settings.phoneme_weight else 0,
            n_teacher=train.n_teacher if settings.teacher_weight else 0,
        )
        reason = self._why_not_fast()
        self._short = settings.bf16 and matrix_type(self.device.type) is torch.bfloat16
        self.network = TrainingNetwork(shape, fast=not reason).to(self.device)
        self.network.set_normalisation(*train.statistics())
        self.progress = Progress()
        self._augmentation = FeatureAugmentation(train.front_end, settings.augmentation)
        self._teacher_mean, self._teacher_scale = self._teacher_statistics()
        self._trigram = self._phoneme_trigram()
        if start_from is not None:
            load_weights(self.network, read_checkpoint(start_from))
        self.average = Average(self.network, settings.average)
        self.optimisers = Optimisers(
            self.network, self.network.matrices(), settings.muon_lr, settings.adam_lr,
            settings.weight_decay, workers,
        )  # fmt: skip
        folder.mkdir(parents=True, exist_ok=True)
        self._say(
            "training kernels: " + (f"PyTorch's own, {reason}" if reason else kernels.way())
            + f"; matrix products in {'bfloat16' if self._short else 'float32'}"
        )  # fmt: skip

    def _why_not_fast(self) -> str:
        if self.device.type != "cpu":
            return f"on {self.device.type}"
        if not self.settings.bf16:
            return "in float32"
        if self.settings.n_hidden % 32:
            return "the width is not a multiple of 32"
        return kernels.why_not()

    def _phoneme_trigram(self) -> Tensor | None:
        if not (self.settings.sentence_weight and self.network.shape.n_phonemes):
            return None
        said = [example.phonemes for example in self.train.examples if example.phonemes]
        table = trigram(said, self.network.shape.n_phonemes - 1)
        return torch.from_numpy(table).to(self.device)

    def _teacher_statistics(self) -> tuple[Tensor, Tensor]:
        width = self.train.n_teacher
        total_, square, count = np.zeros(width), np.zeros(width), 0
        for cache in self.train.caches:
            if cache.teacher is None or not width:
                continue
            rows = cache.teacher[:: max(1, len(cache.teacher) // 20000)].astype(np.float64)
            rows = rows[np.abs(rows).max(axis=1) > 0]
            total_, square = total_ + rows.sum(axis=0), square + (rows**2).sum(axis=0)
            count += len(rows)
        mean = total_ / max(1, count)
        deviation = np.sqrt(np.maximum(square / max(1, count) - mean**2, 1e-4))
        return (
            torch.tensor(mean, dtype=torch.float32, device=self.device),
            torch.tensor(1 / deviation, dtype=torch.float32, device=self.device),
        )

    @property
    def strength(self) -> float:
        """How strong augmentation and dropout are now, 0 to 1."""
        progress = self.progress
        if progress.clean_step < 0:
            return 0.0
        rise = (progress.step - progress.clean_step) / max(1, self.settings.ramp_steps)
        return min(1.0, rise)

    def done_share(self) -> float:
        """Return how much of the training is over, 0 to 1."""
        settings, progress = self.settings, self.progress
        if settings.minutes:
            return min(1.0, progress.seconds / (60 * settings.minutes))
        inside = progress.batch / max(1, len(self._order()))
        return min(1.0, (progress.epoch + inside) / settings.epochs)

    def rate(self) -> float:
        """Return the factor of the learning rates now."""
        settings = self.settings
        rise = min(1.0, (self.progress.step + 1) / max(1, settings.warm_up_steps))
        left = (1 - self.done_share()) / (1 - settings.hold)
        return rise * max(0.0, min(1.0, left))

    def _order(self) -> list[list[Any]]:
        settings, progress = self.settings, self.progress
        batch_s = min(settings.batch_s, settings.first_batch_s * (1 + progress.epoch))
        key = (progress.epoch, batch_s)
        if getattr(self, "_ordered", None) is None or self._ordered[0] != key:
            order = self.train.order(batch_s, progress.epoch, settings.seed)
            self._ordered: Any = (key, order)
        return self._ordered[1]  # type: ignore[no-any-return]

    def run(self, save_every_s: float = 300.0, stop_after_steps: int = 0) -> None:
        """Train to the end.

        Args:
            save_every_s: seconds between checkpoints.
            stop_after_steps: stop early, with a checkpoint, as an interruption would; 0 for never.
        """
        progress = self.progress
        saved = said = self._last_exchange = self._clock()
        parts: list[tuple[float, ...]] = []
        first_step = progress.step
        while self.done_share() < 1.0:
            order = self._order()
            if progress.batch >= len(order):
                self._end_of_epoch()
                self._last_exchange = self._clock()
                continue
            parts.append(self._step(order[progress.batch]))
            progress.batch += 1
            now = self._clock()
            if now - said > 20 or progress.step % 100 == 0:
                self._say_step(parts, len(order))
                parts, said = [], now
            if now - saved > save_every_s:
                self.save(self.folder / "last.pt")
                saved = now
            if stop_after_steps and progress.step - first_step >= stop_after_steps:
                self.save(self.folder / "last.pt")
                return
        if progress.batch or not progress.history:
            self._end_of_epoch()

    def _step(self, examples: list[Any]) -> tuple[float, ...]:
        settings, progress, workers = self.settings, self.progress, self.workers
        strength = self.strength
        # A batch with fewer clips than there are workers is learned by all of them.
        share = examples[workers.rank :: workers.count] or examples
        batch = self.train.batch(
            share, self._augmentation, settings.strength * strength,
            (settings.seed, progress.epoch, progress.batch, workers.rank),
            self.network.shape.n_teacher > 0, strength,
        ).to(self.device)  # fmt: skip
        self.network.train()
        self.network.dropout = settings.dropout * strength
        parts = self._losses(self._forward(batch), batch)
        # The teacher leads in the beginning; in the end only the transcript counts.
        teacher_weight = settings.teacher_weight * (1 - self.done_share())
        weights = (settings.letter_weight, settings.phoneme_weight, teacher_weight)
        loss = sum((w * part for w, part in zip(weights, parts)), torch.zeros(()))
        loss.backward()  # type: ignore[no-untyped-call]
        values = self._exchange([part.detach() for part in parts])
        norm = float(nn.utils.clip_grad_norm_(self.network.parameters(), settings.clip))
        if math.isfinite(norm):
            self.optimisers.step(self.rate())
            self.average.update(self.network)
        else:
            self.network.zero_grad(set_to_none=True)
        self._count_step(values[0])
        return (*values, norm)

    def _losses(self, outputs: Outputs, batch: Batch) -> list[Tensor]:
        """Return the losses of letters, phonemes and teacher."""
        nothing = torch.zeros((), device=self.device)
        fast, n_frames = self.network.fast, batch.n_frames
        of_letters = losses.ctc(outputs.letters, n_frames, batch.letters, batch.n_letters, fast)
        parts = [losses.per_label(of_letters, batch.n_letters), nothing, nothing]
        if outputs.phonemes:
            of_phonemes = [
                losses.ctc(head, n_frames, batch.phonemes, batch.n_phonemes, fast)
                for head in outputs.phonemes
            ]
            if self._trigram is not None:
                all_ = losses.all_sentences(outputs.phonemes[-1], n_frames, self._trigram, fast)
                right = losses.sentence(batch.phonemes, batch.n_phonemes, self._trigram)
                of_phonemes[-1] += self.settings.sentence_weight * (all_ - right)
            below, above = [losses.per_label(x, batch.n_phonemes) for x in of_phonemes]
            share = 0.5 if self._trigram is None else _SHARE_OF_SENTENCES
            parts[1] = (1 - share) * below + share * above
        if outputs.teacher and batch.teacher is not None:
            parts[2] = losses.teacher(
                outputs.teacher, batch.teacher, self._teacher_mean, self._teacher_scale
            )
        return parts

    def _exchange(self, parts: list[Tensor]) -> list[float]:
        """Average gradients, losses and time over the workers; all go on with the same."""
        now = self._clock()
        elapsed = torch.tensor([now - self._last_exchange], device=self.device)
        self._last_exchange = now
        parameters = list(self.network.parameters())
        # A worker whose clips have no teacher has no gradient for its heads, others may.
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
            progress.loss = loss if math.isnan(old) else 0.98 * old + 0.02 * loss
            progress.epoch_loss += loss
        enough = progress.step > 50 and progress.loss < settings.clean_until
        if progress.clean_step < 0 and enough:
            progress.clean_step = progress.step
            self._say(
                f"step {progress.step}: the loss is below {settings.clean_until}, "
                "augmentation begins"
            )

    def _forward(self, batch: Batch) -> Outputs:
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self._short):
            return self.network(batch.vectors, batch.n_frames)  # type: ignore[no-any-return]

    def _say_step(self, parts: list[tuple[float, ...]], n_batches: int) -> None:
        progress = self.progress
        mean = np.mean(parts, axis=0)
        self._say(
            f"{progress.seconds / 60:6.1f} min  epoch {progress.epoch + 1} "
            f"batch {progress.batch}/{n_batches}  step {progress.step}  loss {mean[0]:.3f}  "
            f"phonemes {mean[1]:.3f}  teacher {mean[2]:.3f}  norm {mean[3]:.2f}  "
            f"rate {self.rate():.2f}  augmentation {self.strength * self.settings.strength:.2f}"
        )

    def _end_of_epoch(self) -> None:
        progress = self.progress
        loss = progress.epoch_loss / max(1, progress.batch)
        entry = {"epoch": progress.epoch + 1.0, "step": float(progress.step),
                 "minutes": progress.seconds / 60, "loss": loss}  # fmt: skip
        if self.dev is not None and not self.workers.rank:
            found, of_phonemes, shown = self.judge(self.dev)
            entry.update(wer=found.wer, cer=found.cer)
            more = ""
            if of_phonemes.words:
                entry.update(per=of_phonemes.wer)
                more = f", phonemes {of_phonemes.wer:.1%}"
            self._say(
                f"epoch {progress.epoch + 1} is over: loss {loss:.3f}, dev, greedy: "
                f"WER {found.wer:.1%} CER {found.cer:.1%}{more}"
            )
            for wanted, got in shown[:3]:
                self._say(f"    said: {wanted}\n   heard: {got}")
        progress.history.append(entry)
        progress.epoch += 1
        progress.batch = 0
        progress.epoch_loss = 0.0
        self.save(self.folder / "last.pt")
        if not self.workers.rank:
            plot(progress.history, self.folder / "training.png")

    @torch.no_grad()
    def judge(self, data: DataSet) -> tuple[Errors, Errors, list[tuple[str, str]]]:
        """Return errors of the averaged weights without a language model.

        Returns:
            Of letters; of phonemes, each counted as a word, where they are known; what was
            said and what was heard.
        """
        kept = {name: value.clone() for name, value in self.network.state_dict().items()}
        self.network.load_state_dict(self.average.state)
        self.network.eval()
        parts: list[Errors] = []
        of_phonemes: list[Errors] = []
        texts: list[tuple[str, str]] = []
        for examples, batch in evaluation_batches(data, self.settings.batch_s):
            outputs = self._forward(batch.to(self.device))
            clips = outputs.letters.cpu().split(batch.n_frames.tolist())
            for example, letters in zip(examples, clips):
                heard = greedy_text(letters.numpy(), LETTERS)
                parts.append(errors(example.entry.transcript, heard))
                texts.append((example.entry.transcript, heard))
            for example, head in zip(examples, self._phonemes_of(outputs, batch)):
                wanted, got = (
                    " ".join(map(str, said)) for said in (example.phonemes, greedy_labels(head))
                )
                of_phonemes += [errors(wanted, got)] if wanted else []
        self.network.load_state_dict(kept)
        return total(parts), total(of_phonemes), texts

    @staticmethod
    def _phonemes_of(outputs: Outputs, batch: Batch) -> list[Any]:
        if not outputs.phonemes:
            return []
        clips = outputs.phonemes[-1].cpu().split(batch.n_frames.tolist())
        return [clip.numpy() for clip in clips]

    def save(self, path: Path) -> None:
        """Write a checkpoint from which `resume` continues as if nothing had been."""
        if self.workers.rank:
            return
        checkpoint = {
            "format": FORMAT,
            "shape": self.network.shape.as_dict(),
            "front_end": self.train.front_end,
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
        part = path.with_suffix(".part")
        torch.save(checkpoint, part)
        part.replace(path)

    def resume(self, path: Path) -> None:
        """Continue from a checkpoint of the same settings and data.

        Raises:
            StreamerError: it does not fit.
        """
        checkpoint = read_checkpoint(path)
        if "optimisers" not in checkpoint:
            raise StreamerError(
                f"{path}: a slim checkpoint, which cannot be resumed", "begin with it: --from"
            )
        if checkpoint["shape"] != self.network.shape.as_dict():
            raise StreamerError(
                f"{path}: was trained with another shape of network",
                "resume with the same options, or begin in another folder",
            )
        self.network.load_state_dict(checkpoint["network"])
        self.average.state = checkpoint["average"]
        self.average.steps = checkpoint["average_steps"]
        self.optimisers.load_state_dict(checkpoint["optimisers"])
        self.progress = Progress(**checkpoint["progress"])
        torch.set_rng_state(checkpoint["random"])


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Read a checkpoint.

    Raises:
        StreamerError: it is not there or not one of ours.
    """
    if not path.is_file():
        raise StreamerError(f"{path}: no such checkpoint", "check the name, or train first")
    try:
        checkpoint: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        known = checkpoint["format"] == FORMAT
    except Exception as error:
        raise StreamerError(
            f"{path}: not a checkpoint ({type(error).__name__})",
            "name a .pt file of streamer train",
        ) from error
    if not known:
        raise StreamerError(f"{path}: a checkpoint of another version", "train it anew")
    return checkpoint


def averaged_state(checkpoint: Mapping[str, Any]) -> dict[str, Tensor]:
    """Return the averaged weights of a checkpoint in float32; a slim one keeps them in less."""
    return {
        name: value.float() if value.is_floating_point() else value
        for name, value in checkpoint["average"].items()
    }


def load_weights(network: TrainingNetwork, checkpoint: dict[str, Any]) -> None:
    """Load the averaged weights of a checkpoint, heads it does not have aside.

    A network that is wider than the checkpoint's starts as one that says the same.

    Raises:
        StreamerError: the hidden layers have other sizes, and are not wider.
    """
    own = network.state_dict()
    state = averaged_state(checkpoint)
    if network.shape.n_hidden > checkpoint["shape"]["n_hidden"]:
        state = widened(state, network.shape.n_hidden)
    taken = {
        name: value
        for name, value in state.items()
        if name in own and own[name].shape == value.shape
    }
    missing = [n for n in own if n not in taken and not n.startswith(("phoneme_", "teacher_"))]
    if missing:
        raise StreamerError(
            f"the checkpoint's {missing[0]} has another shape",
            "choose the width it was trained with, or a larger one (--width)",
        )
    network.load_state_dict({**own, **taken})


def plot(history: list[dict[str, float]], path: Path) -> None:
    """Draw loss and error rates over the epochs as a PNG."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, (left, right) = pyplot.subplots(1, 2, figsize=(10, 4))
    epochs = [entry["epoch"] for entry in history]
    left.plot(epochs, [entry["loss"] for entry in history], marker="o")
    left.set(xlabel="epoch", ylabel="CTC loss per letter", title="training loss")
    judged = [entry for entry in history if "wer" in entry]
    for key, label in (("wer", "WER"), ("cer", "CER"), ("per", "phonemes")):
        known = [entry for entry in judged if key in entry]
        values = [100 * entry[key] for entry in known]
        if known:
            right.plot([entry["epoch"] for entry in known], values, marker="o", label=label)
    right.set(xlabel="epoch", ylabel="%", title="dev, no language model")
    if judged:
        right.legend()
    figure.tight_layout()
    figure.savefig(path, dpi=100)
    pyplot.close(figure)
    path.with_suffix(".json").write_text(json.dumps(history, indent=1), encoding="utf-8")
