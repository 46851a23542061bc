"""The training objective: losses of letters, phonemes and distillation for one batch."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor

from streamer.training.data.batches import Batch, DataSet
from streamer.training.network.training_network import Outputs, TrainingNetwork
from streamer.training.optimisation import losses
from streamer.training.optimisation.denominator_lm import phoneme_trigram
from streamer.training.settings import TrainingSettings

#: Share of the upper head in the phonemes' loss: with CTC, and with CTC-CRF.
_UPPER_SHARE_CTC, _UPPER_SHARE_CRF = 0.5, 0.8


class Objective:
    """Computes the losses of a batch.

    Args:
        settings: weights of the losses.
        data: training data; the denominator's language model is counted in it.
        network: its leaves are labels; if it is fast, `streamer.training.network.kernels`
            compute the losses.
        device: where the losses are computed.
    """

    def __init__(
        self,
        settings: TrainingSettings,
        data: DataSet,
        network: TrainingNetwork,
        device: torch.device,
    ) -> None:
        self._settings = settings
        self._device = device
        self._fast = network.fast
        self._trigram: Tensor | None = None
        self._leaves: Tensor | None = None
        shape = network.shape
        if shape.n_leaves:
            self._leaves = cast(Tensor, network.phoneme_leaves)
        if settings.crf_weight and shape.n_phonemes:
            sentences = [example.phonemes for example in data.examples if example.phonemes]
            table = phoneme_trigram(sentences, shape.n_phonemes - 1)
            self._trigram = torch.from_numpy(table).to(device)

    def __call__(self, outputs: Outputs, batch: Batch) -> list[Tensor]:
        """Return the losses of letters, phonemes, distillation and agreement; 0 for none."""
        nothing = torch.zeros((), device=self._device)
        letters = losses.ctc(
            outputs.letters, batch.n_frames, batch.letters, batch.n_letters, self._fast
        )
        letters = self._per_label(letters, batch.n_letters, outputs.letters, batch)
        parts = [letters, nothing, nothing, nothing]
        if outputs.phonemes:
            parts[1] = self._phoneme_loss(outputs.phonemes, batch)
        if outputs.teacher and batch.teacher is not None:
            parts[2] = losses.distillation(outputs.teacher, batch.teacher)
        if self._settings.consistency_weight:
            parts[3] = self._disagreement(outputs, batch)
        return parts

    @staticmethod
    def _per_label(loss: Tensor, n_labels: Tensor, logits: Tensor, batch: Batch) -> Tensor:
        """Return the loss per label of a head: of clips with labels, and of noise alone."""
        of_speech = losses.per_label(loss, n_labels)
        if not batch.no_speech.any():
            return of_speech
        of_noise = losses.no_speech(logits, batch.n_frames, batch.no_speech)
        return of_speech + of_noise / n_labels.sum().clamp(min=1)

    def _disagreement(self, outputs: Outputs, batch: Batch) -> Tensor:
        """Return the disagreement of the views per label, of the upper phoneme head if any."""
        if outputs.phonemes:
            logits, n_labels = outputs.phonemes[-1], batch.n_phonemes
        else:
            logits, n_labels = outputs.letters, batch.n_letters
        return losses.disagreement(logits) / n_labels.sum().clamp(min=1)

    def _phoneme_loss(self, heads: list[Tensor], batch: Batch) -> Tensor:
        fast, n_frames = self._fast, batch.n_frames
        upper = batch.phonemes
        if self._leaves is not None:
            upper = losses.leaf_labels(batch.phonemes, batch.n_phonemes, self._leaves)
        of_heads = [
            losses.ctc(head, n_frames, labels, batch.n_phonemes, fast)
            for head, labels in zip(heads, (batch.phonemes, upper))
        ]
        upper_share = _UPPER_SHARE_CTC
        if self._trigram is not None:
            upper_share = _UPPER_SHARE_CRF
            denominator = losses.log_denominator(
                heads[-1], n_frames, self._trigram, fast, self._leaves
            )
            prior = losses.log_prior(batch.phonemes, batch.n_phonemes, self._trigram)
            of_heads[-1] += self._settings.crf_weight * (denominator - prior)
        below, above = [
            self._per_label(loss, batch.n_phonemes, head, batch)
            for loss, head in zip(of_heads, heads)
        ]
        return (1 - upper_share) * below + upper_share * above
