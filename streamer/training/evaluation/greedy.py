"""Greedy decoding of a data set during training: error rates without a language model."""

from __future__ import annotations

from typing import Any, Callable, NamedTuple

import torch

from streamer.decoding.lexicon.leaves import Leaves
from streamer.training.data.batches import LETTERS, Batch, DataSet, evaluation_batches
from streamer.training.evaluation.error_rates import (
    Errors,
    errors,
    greedy_labels,
    greedy_text,
    total,
)
from streamer.training.network.training_network import Outputs


class Evaluation(NamedTuple):
    """Errors of a data set.

    Attributes:
        letters: errors of the letters.
        phonemes: the same of the phonemes, each counted as a word; no words if none are known.
        texts: reference and hypothesis of each clip.
    """

    letters: Errors
    phonemes: Errors
    texts: list[tuple[str, str]]


@torch.no_grad()
def evaluate(
    data: DataSet,
    batch_s: float,
    forward: Callable[[Batch], Outputs],
    leaves: Leaves | None = None,
) -> Evaluation:
    """Decode a data set greedily.

    Args:
        data: the clips.
        batch_s: seconds of speech in a batch.
        forward: runs the network, in evaluation mode.
        leaves: those of the upper phoneme head, if it has leaves.
    """
    letters: list[Errors] = []
    phonemes: list[Errors] = []
    texts: list[tuple[str, str]] = []
    for examples, batch in evaluation_batches(data, batch_s):
        outputs = forward(batch)
        n_frames = batch.n_frames.tolist()
        for example, scores in zip(examples, outputs.letters.cpu().split(n_frames)):
            hypothesis = greedy_text(scores.numpy(), LETTERS)
            letters.append(errors(example.entry.transcript, hypothesis))
            texts.append((example.entry.transcript, hypothesis))
        for example, scores in zip(examples, _upper_phonemes(outputs, n_frames)):
            best = greedy_labels(scores.numpy())
            if leaves is not None:
                best = leaves.phonemes[best].tolist()
            reference, found = (" ".join(map(str, labels)) for labels in (example.phonemes, best))
            phonemes += [errors(reference, found)] if reference else []
    return Evaluation(total(letters), total(phonemes), texts)


def _upper_phonemes(outputs: Outputs, n_frames: list[int]) -> Any:
    return outputs.phonemes[-1].cpu().split(n_frames) if outputs.phonemes else ()
