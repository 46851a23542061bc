"""Where a training starts: initial weights, and the leaves of the upper phoneme head."""

from __future__ import annotations

from pathlib import Path

import torch

from streamer.decoding.lexicon.leaves import Leaves
from streamer.training.data.batches import DataSet
from streamer.training.language.leaves import count_pairs, shares, tie
from streamer.training.network.initial_weights import (
    InitialWeights,
    read_initial_weights,
    with_leaves,
)
from streamer.training.settings import TrainingSettings


def starting_point(
    settings: TrainingSettings, data: DataSet, start_from: str | Path | None
) -> tuple[InitialWeights | None, Leaves | None]:
    """Return the weights to start from, and the leaves of the network if it has any.

    Leaves are those of the weights to start from, or new ones from the training data.

    Args:
        settings: the wanted number of leaves.
        data: training data, where pairs of phonemes are counted.
        start_from: see `read_initial_weights`; None starts from random weights.

    Raises:
        StreamerError: the weights to start from cannot be read.
    """
    initial = None if start_from is None else read_initial_weights(start_from)
    if not data.n_phonemes or not settings.phoneme_weight:
        return initial, None
    if initial is not None and initial.shape.n_leaves:
        table: torch.Tensor = initial.state["phoneme_leaves"]
        return initial, Leaves(table.cpu().numpy())
    if not settings.n_leaves:
        return initial, None
    counts = count_pairs((e.phonemes for e in data.examples), data.n_phonemes - 1)
    leaves = tie(counts, settings.n_leaves)
    if initial is not None:
        initial = with_leaves(initial, leaves, shares(counts, leaves))
    return initial, leaves
