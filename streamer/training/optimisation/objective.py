"""The training objective: losses of letters, phonemes and distillation for one batch."""

from __future__ import annotations

import torch
from torch import Tensor

from streamer.training.data.batches import Batch, DataSet
from streamer.training.network.training_network import NetworkShape, Outputs
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
        shape: sizes of the network.
        device: where the losses are computed.
        fast: whether `streamer.training.network.kernels` computes them.
    """

    def __init__(
        self,
        settings: TrainingSettings,
        data: DataSet,
        shape: NetworkShape,
        device: torch.device,
        fast: bool,
    ) -> None:
        self._settings = settings
        self._device = device
        self._fast = fast
        self._trigram: Tensor | None = None
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
        parts = [losses.per_label(letters, batch.n_letters), nothing, nothing, nothing]
        if outputs.phonemes:
            parts[1] = self._phoneme_loss(outputs.phonemes, batch)
        if outputs.teacher and batch.teacher is not None:
            parts[2] = losses.distillation(outputs.teacher, batch.teacher)
        if self._settings.consistency_weight:
            parts[3] = self._disagreement(outputs, batch)
        return parts

    def _disagreement(self, outputs: Outputs, batch: Batch) -> Tensor:
        """Return the disagreement of the views per label, of the upper phoneme head if any."""
        if outputs.phonemes:
            logits, n_labels = outputs.phonemes[-1], batch.n_phonemes
        else:
            logits, n_labels = outputs.letters, batch.n_letters
        return losses.disagreement(logits) / n_labels.sum().clamp(min=1)

    def _phoneme_loss(self, heads: list[Tensor], batch: Batch) -> Tensor:
        fast, n_frames = self._fast, batch.n_frames
        of_heads = [
            losses.ctc(head, n_frames, batch.phonemes, batch.n_phonemes, fast) for head in heads
        ]
        upper_share = _UPPER_SHARE_CTC
        if self._trigram is not None:
            upper_share = _UPPER_SHARE_CRF
            denominator = losses.log_denominator(heads[-1], n_frames, self._trigram, fast)
            prior = losses.log_prior(batch.phonemes, batch.n_phonemes, self._trigram)
            of_heads[-1] += self._settings.crf_weight * (denominator - prior)
        lower, upper = [losses.per_label(loss, batch.n_phonemes) for loss in of_heads]
        return (1 - upper_share) * lower + upper_share * upper
