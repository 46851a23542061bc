"""Fits a small change of a network to a speaker's recordings, and judges it on others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from streamer.acoustic.weights import Weights
from streamer.arrays import FloatArray
from streamer.decoding.lexicon.leaves import Leaves
from streamer.training.adaptation.adapted_network import AdaptedNetwork
from streamer.training.adaptation.material import SpokenSentence
from streamer.training.optimisation import losses


@dataclass(frozen=True)
class FitSettings:
    """How a change is fitted; benchmarks/adaptation.py compares values.

    Attributes:
        steps: passes over the recordings.
        learning_rate: of Adam.
        crf_weight: weight of all other sentences, see `losses.log_denominator`.
        caution: weight of the distance (Kullback-Leibler divergence) from the unchanged network's
            probabilities (Yu et al., "KL-divergence regularized deep neural network adaptation",
            2013).
    """

    steps: int = 20
    learning_rate: float = 0.01
    crf_weight: float = 0.9
    caution: float = 3.0


def fit(
    weights: Weights,
    sentences: Sequence[SpokenSentence],
    settings: FitSettings,
    trigram: Tensor | None,
    fast: bool,
    leaves: Leaves | None = None,
) -> AdaptedNetwork:
    """Fit a change.

    Args:
        weights: the unchanged network.
        sentences: recordings to learn from.
        settings: how.
        trigram: language model of phonemes for the denominator, see `losses.log_denominator`.
        fast: whether to use `streamer.training.network.kernels`.
        leaves: leaves of the phonemes, if the network has these instead.
    """
    clips = [sentence.vectors for sentence in sentences]
    deviation = torch.cat(clips).std(dim=0).clamp(min=1e-3).numpy()
    network = AdaptedNetwork(weights, deviation, fast)
    targets = [_Targets(sentences, "letters")]
    if len(weights.groups) > 1:
        targets.append(_Targets(sentences, "phonemes", trigram, leaves))
    with torch.no_grad():
        unchanged = [logits.float().log_softmax(dim=1) for logits in network(clips)]
    optimiser = torch.optim.Adam(
        [p for p in network.parameters() if p.requires_grad], settings.learning_rate
    )
    for _ in range(settings.steps):
        optimiser.zero_grad()
        loss = torch.zeros(())
        for logits, target, before in zip(network(clips), targets, unchanged):
            loss = loss + target.loss(logits.contiguous(), settings, before, fast)
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    return network


class _Targets:
    """Labels of all recordings for one of the network's outputs."""

    def __init__(
        self,
        sentences: Sequence[SpokenSentence],
        kind: str,
        trigram: Tensor | None = None,
        leaves: Leaves | None = None,
    ) -> None:
        labels = [getattr(sentence, kind) for sentence in sentences]
        self._labels = torch.tensor([label for each in labels for label in each], dtype=torch.long)
        self._counts = torch.tensor([len(each) for each in labels])
        self._n_frames = torch.tensor([len(sentence.vectors) for sentence in sentences])
        self._trigram = trigram
        self._leaves = None if leaves is None else torch.from_numpy(leaves.table)

    def loss(self, logits: Tensor, settings: FitSettings, before: Tensor, fast: bool) -> Tensor:
        """Return the loss per label."""
        labels = self._labels
        if self._leaves is not None:
            labels = losses.leaf_labels(labels, self._counts, self._leaves)
        each = losses.ctc(logits, self._n_frames, labels, self._counts, fast)
        if self._trigram is not None and settings.crf_weight:
            all_sentences = losses.log_denominator(
                logits, self._n_frames, self._trigram, fast, self._leaves
            )
            prior = losses.log_prior(self._labels, self._counts, self._trigram)
            each = each + settings.crf_weight * (all_sentences - prior)
        now = logits.float().log_softmax(dim=1)
        distance = (before.exp() * (before - now)).sum() / self._counts.sum().clamp(min=1)
        return losses.per_label(each, self._counts) + settings.caution * distance


@torch.no_grad()
def probabilities(weights: Weights, clip: Tensor) -> FloatArray:
    """Return a network's outputs for a recording in float32, (n, n_labels)."""
    network = AdaptedNetwork(weights, np.ones(weights.n_input, np.float32))
    parts = [logits.float().softmax(dim=1) for logits in network([clip])]
    return np.ascontiguousarray(torch.cat(parts, dim=1).numpy())
