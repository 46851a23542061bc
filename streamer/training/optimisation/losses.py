"""Losses: CTC, the denominator of CTC-CRF, distillation."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from streamer.training.network import kernels


def per_label(losses: Tensor, n_labels: Tensor) -> Tensor:
    """Return the loss per label of the clips with labels, a scalar.

    Args:
        losses: float32 (batch,).
        n_labels: int64 (batch,).
    """
    return (losses * (n_labels > 0)).sum() / n_labels.sum().clamp(min=1)


def no_speech(logits: Tensor, n_frames: Tensor, clips: Tensor) -> Tensor:
    """Return the loss of clips without speech, all blanks, summed over their frames, a scalar.

    Args:
        logits: float32 (frames, labels), blank last, the clips one after the other.
        n_frames: int64 (batch,).
        clips: bool (batch,): which they are.
    """
    of_noise = logits[clips.repeat_interleave(n_frames)]
    return -nn.functional.log_softmax(of_noise.float(), dim=-1)[:, -1].sum()


def ctc(
    logits: Tensor, n_frames: Tensor, labels: Tensor, n_labels: Tensor, fast: bool = False
) -> Tensor:
    """Return the CTC loss of each clip, float32 (batch,); 0 if the frames are too few.

    Args:
        logits: float32 (frames, labels), blank last, the clips one after the other.
        n_frames: int64 (batch,).
        labels: int64, all targets one after the other.
        n_labels: int64 (batch,).
        fast: whether to use `streamer.training.network.kernels`.
    """
    if fast:
        return kernels.ctc(logits, n_frames, labels, n_labels)
    log_probabilities = nn.functional.log_softmax(logits.float(), dim=-1)
    padded = nn.utils.rnn.pad_sequence(list(log_probabilities.split(n_frames.tolist())))
    blank = logits.shape[1] - 1
    return nn.functional.ctc_loss(
        padded, labels, n_frames, n_labels, blank, reduction="none", zero_infinity=True
    )


def leaf_labels(labels: Tensor, n_labels: Tensor, leaves: Tensor) -> Tensor:
    """Return the leaves of label sequences, int64, all one after the other.

    Args:
        labels: int64, all targets one after the other.
        n_labels: int64 (batch,).
        leaves: int64 (labels + 1, labels), see `streamer.decoding.lexicon.leaves.Leaves`.
    """
    left = torch.empty_like(labels)
    left[1:] = labels[:-1]
    left[(n_labels.cumsum(0) - n_labels)[n_labels > 0]] = len(leaves) - 1
    return leaves[left, labels]


def log_prior(labels: Tensor, n_labels: Tensor, trigram: Tensor) -> Tensor:
    """Return the log probability of each label sequence under the trigram, float32 (batch,).

    Args:
        labels: int64, all targets one after the other.
        n_labels: int64 (batch,).
        trigram: float32 (labels,) * 3, see `streamer.training.optimisation.denominator_lm.trigram`.
    """
    edge = labels.new_tensor([len(trigram) - 1])
    result = []
    for sequence in labels.split(n_labels.tolist()):
        padded = torch.cat([edge, edge, sequence, edge])
        result.append(trigram[padded[:-2], padded[1:-1], padded[2:]].log().sum())
    return torch.stack(result)


def log_denominator(
    logits: Tensor,
    n_frames: Tensor,
    trigram: Tensor,
    fast: bool = False,
    leaves: Tensor | None = None,
) -> Tensor:
    """Return the logarithm of the CTC-CRF denominator, float32 (batch,).

    This is the sum over all paths through labels and blanks of the path's probability times
    the language model's probability of its label sequence (Xiang and Ou, "CRF-based
    single-stage acoustic modeling with CTC topology", 2019). CTC loss + log denominator - log
    prior makes the transcript likelier than all other sequences, weighted by their prior.

    Args:
        logits: float32 (frames, labels), blank last, the clips one after the other.
        n_frames: int64 (batch,).
        trigram: float32 (labels,) * 3, see `streamer.training.optimisation.denominator_lm.trigram`.
        fast: whether to use `streamer.training.network.kernels`.
        leaves: int64 (labels, labels - 1), the column of each label behind each other one, see
            `streamer.decoding.lexicon.leaves.Leaves`; None if each label has one column.
    """
    if fast:
        return kernels.log_denominator(logits, n_frames, trigram, leaves)
    probabilities = nn.functional.softmax(logits.float(), dim=-1)
    padded = nn.utils.rnn.pad_sequence(list(probabilities.split(n_frames.tolist())))
    edge = len(trigram) - 1
    if leaves is None:
        leaves = torch.arange(edge, device=logits.device).expand(edge + 1, edge)
    # [clip, label before the last, last label]: paths that end with that label, and with a blank
    # after it.
    in_label = logits.new_zeros((len(n_frames), edge + 1, edge + 1), dtype=torch.float32)
    in_blank = in_label.clone()
    in_blank[:, edge, edge] = 1.0
    result = in_label.new_zeros(len(n_frames))
    # The same column repeats only after a blank.
    others = 1 - torch.eye(edge + 1, device=logits.device)
    again = torch.diagonal(trigram, dim1=1, dim2=2)
    same = torch.ones_like(again)
    same[:, :edge] = (leaves == torch.diagonal(leaves)).float()
    for t, row in enumerate(padded):
        either = in_label + in_blank
        into = torch.einsum("bij,ijk->bjk", either, trigram) * others
        repeated = torch.einsum("bij,ij->bj", in_blank + in_label * (1 - same), again)
        into = into + torch.diag_embed(repeated)
        labels = nn.functional.pad(row[:, leaves], (0, 1))
        new_label, new_blank = labels * (in_label + into), row[:, None, -1:] * either
        total = (new_label + new_blank).sum(dim=(1, 2))
        within_clip = t < n_frames
        scale = torch.where(within_clip, total, torch.ones_like(total))
        result = result + scale.log()
        mask = within_clip[:, None, None]
        in_label = torch.where(mask, new_label / scale[:, None, None], in_label)
        in_blank = torch.where(mask, new_blank / scale[:, None, None], in_blank)
    end = torch.einsum("bij,ij->b", in_label + in_blank, trigram[:, :, edge])
    return result + end.log()


def disagreement(logits: Tensor) -> Tensor:
    """Return how much two views of the same frames differ, summed over the frames, a scalar.

    Each view learns from the other one's probabilities, which stay fixed: the mean of both
    Kullback-Leibler divergences (Yao et al., "CR-CTC: Consistency regularization on CTC for
    improved speech recognition", 2024).

    Args:
        logits: float32 (2 frames, labels): all frames of one view, then those of the other.
    """
    one, other = nn.functional.log_softmax(logits.float(), dim=-1).chunk(2)
    divergence = nn.functional.kl_div
    there = divergence(one, other.detach(), reduction="sum", log_target=True)
    back = divergence(other, one.detach(), reduction="sum", log_target=True)
    return (there + back) / 2


def distillation(predicted: list[Tensor], target: Tensor) -> Tensor:
    """Return the mean cross-entropy of the indices in the teacher's codebooks, a scalar.

    Args:
        predicted: logits (frames, n_codebooks, n_entries), one per head.
        target: int64 (frames, n_codebooks); -1 has no target.
    """
    known = target[:, 0] >= 0
    indices = target[known].flatten()
    if not len(indices):
        return torch.stack([head.sum() * 0.0 for head in predicted]).sum()
    parts = [
        nn.functional.cross_entropy(head[known].flatten(0, 1).float(), indices)
        for head in predicted
    ]
    return torch.stack(parts).mean()
