"""What is made small: CTC, all sentences against the right one, distance to the teacher."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from streamer.training.network import kernels


def per_label(losses: Tensor, n_labels: Tensor) -> Tensor:
    """Return the loss per label of the clips that have labels.

    Args:
        losses: float32 (batch,).
        n_labels: int64 (batch,).
    """
    return (losses * (n_labels > 0)).sum() / n_labels.sum().clamp(min=1)


def ctc(
    logits: Tensor, n_frames: Tensor, labels: Tensor, n_labels: Tensor, fast: bool = False
) -> Tensor:
    """Return the CTC loss of each clip, float32 (batch,); 0 where the labels do not fit.

    Args:
        logits: float32 (frames, labels) before the softmax, blank last, clip after clip.
        n_frames: int64 (batch,).
        labels: int64, all targets one after the other.
        n_labels: int64 (batch,).
        fast: whether `streamer.training.network.kernels` computes it.
    """
    if fast:
        return kernels.ctc(logits, n_frames, labels, n_labels)
    log_probabilities = nn.functional.log_softmax(logits.float(), dim=-1)
    padded = nn.utils.rnn.pad_sequence(list(log_probabilities.split(n_frames.tolist())))
    blank = logits.shape[1] - 1
    return nn.functional.ctc_loss(
        padded, labels, n_frames, n_labels, blank, reduction="none", zero_infinity=True
    )


def sentence(labels: Tensor, n_labels: Tensor, trigram: Tensor) -> Tensor:
    """Return the logarithm of what the language model gives each sentence, float32 (batch,).

    Args:
        labels: int64, all targets one after the other.
        n_labels: int64 (batch,).
        trigram: float32 (labels,) * 3, see `streamer.training.network.denominator_lm.trigram`.
    """
    edge = labels.new_tensor([len(trigram) - 1])
    result = []
    for said in labels.split(n_labels.tolist()):
        padded = torch.cat([edge, edge, said, edge])
        result.append(trigram[padded[:-2], padded[1:-1], padded[2:]].log().sum())
    return torch.stack(result)


def all_sentences(logits: Tensor, n_frames: Tensor, trigram: Tensor, fast: bool = False) -> Tensor:
    """Return the logarithm of what all sentences together get, float32 (batch,).

    A path through labels and blanks gets the product of its probabilities, times the
    probability that a language model gives the sentence it spells. With this added to the
    CTC loss a network learns to make the right sentence likelier than all others weighted
    by how plausible they are, instead of making each of its frames right: the criterion
    of Xiang and Ou, "CRF-based single-stage acoustic modeling with CTC topology" (2019).

    Args:
        logits: float32 (frames, labels) before the softmax, blank last, clip after clip.
        n_frames: int64 (batch,).
        trigram: float32 (labels,) * 3, see `streamer.training.network.denominator_lm.trigram`.
        fast: whether `streamer.training.network.kernels` computes it.
    """
    if fast:
        return kernels.all_sentences(logits, n_frames, trigram)
    probabilities = nn.functional.softmax(logits.float(), dim=-1)
    padded = nn.utils.rnn.pad_sequence(list(probabilities.split(n_frames.tolist())))
    edge = logits.shape[1] - 1
    # [clip, before last, last label]: paths that end with that label, or with a blank behind it.
    spoken = logits.new_zeros((len(n_frames), edge + 1, edge + 1), dtype=torch.float32)
    paused = spoken.clone()
    paused[:, edge, edge] = 1.0
    result = spoken.new_zeros(len(n_frames))
    # Without a blank between them two equal labels are one.
    repeats = torch.eye(edge + 1, device=logits.device)
    again = torch.diagonal(trigram, dim1=1, dim2=2)
    for t, row in enumerate(padded):
        either = spoken + paused
        into = torch.einsum("bij,ijk->bjk", either, trigram) * (1 - repeats)
        into = into + torch.diag_embed(torch.einsum("bij,ij->bj", paused, again))
        labels = torch.cat([row[:, None, :edge], torch.zeros_like(row[:, None, edge:])], dim=2)
        now_spoken, now_paused = labels * (spoken + into), row[:, None, edge:] * either
        total = (now_spoken + now_paused).sum(dim=(1, 2))
        goes_on = t < n_frames
        scale = torch.where(goes_on, total, torch.ones_like(total))
        result = result + scale.log()
        shape = goes_on[:, None, None]
        spoken = torch.where(shape, now_spoken / scale[:, None, None], spoken)
        paused = torch.where(shape, now_paused / scale[:, None, None], paused)
    end = torch.einsum("bij,ij->b", spoken + paused, trigram[:, :, edge])
    return result + end.log()


def teacher(predicted: list[Tensor], wanted: Tensor, mean: Tensor, scale: Tensor) -> Tensor:
    """Return the mean squared distance to the teacher's normalised vectors.

    Args:
        predicted: float32 (frames, width), one for each head.
        wanted: float32 (frames, width); frames that are all zero have no target.
        mean: float32 (width,) of the teacher's vectors.
        scale: float32 (width,), one over their deviation.
    """
    known = wanted.abs().amax(dim=1) > 0
    target = ((wanted - mean) * scale)[known].clamp(-5.0, 5.0)
    if not len(target):
        return wanted.sum() * 0.0
    parts = [nn.functional.smooth_l1_loss(guess[known].float(), target) for guess in predicted]
    return torch.stack(parts).mean() * 2.0
