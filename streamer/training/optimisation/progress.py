"""Progress of a training: counters that a checkpoint keeps, and their plot."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class TrainingProgress:
    """Counters of a training; all of them are in the checkpoint.

    Attributes:
        epoch: completed epochs.
        batch: batches done in the current epoch.
        step: steps taken in all.
        seconds: time trained.
        loss: running loss per letter.
        epoch_loss: sum of the losses per letter of this epoch's batches.
        clean_step: step at which the loss came below ``clean_until``; -1 before.
        history: one entry per epoch.
    """

    epoch: int = 0
    batch: int = 0
    step: int = 0
    seconds: float = 0.0
    loss: float = float("nan")
    epoch_loss: float = 0.0
    clean_step: int = -1
    history: list[dict[str, float]] = field(default_factory=list)


def plot(history: list[dict[str, float]], path: Path) -> None:
    """Plot loss and error rates over the epochs as a PNG, with a JSON of the figures beside it."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, (left, right) = pyplot.subplots(1, 2, figsize=(10, 4))
    epochs = [entry["epoch"] for entry in history]
    left.plot(epochs, [entry["loss"] for entry in history], marker="o")
    left.set(xlabel="epoch", ylabel="CTC loss per letter", title="training loss")
    evaluated = [entry for entry in history if "wer" in entry]
    for key, label in (("wer", "WER"), ("cer", "CER"), ("per", "phonemes")):
        known = [entry for entry in evaluated if key in entry]
        values = [100 * entry[key] for entry in known]
        if known:
            right.plot([entry["epoch"] for entry in known], values, marker="o", label=label)
    right.set(xlabel="epoch", ylabel="%", title="dev, no language model")
    if evaluated:
        right.legend()
    figure.tight_layout()
    figure.savefig(path, dpi=100)
    pyplot.close(figure)
    path.with_suffix(".json").write_text(json.dumps(history, indent=1), encoding="utf-8")
