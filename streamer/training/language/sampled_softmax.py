"""Sampled softmax: target words against the most frequent words and a sample of the others.

Importance sampling after Bengio and Senecal (2003), without the target word in the sample. A
penalty on the squared log partition function keeps the sum over all words near 1, so that it
need not be computed (self-normalisation, Devlin et al., 2014).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from streamer.training.language.settings import RecurrentSettings
from streamer.training.network.number_formats import matmul_dtype

#: Words in a block, which fits into the cache.
_BLOCK_WORDS = 1024


class Sample(NamedTuple):
    """Entries of the vocabulary that a step needs.

    Attributes:
        entries: their numbers, int64 (n_entries,), the most frequent words first.
        negatives: places in ``entries`` of the sampled words, int64 (n,).
        log_expected: logarithm of the expected number of times each is in the sample, float32 (n,).
    """

    entries: Tensor
    negatives: Tensor
    log_expected: Tensor


class Sampler:
    """Draws samples of the vocabulary.

    Args:
        counts: occurrences of each entry, float64 (n_entries,).
        settings: sizes of a sample.
    """

    def __init__(self, counts: npt.NDArray[np.float64], settings: RecurrentSettings) -> None:
        order = np.argsort(-counts, kind="stable")
        self._frequent = torch.from_numpy(order[: settings.n_frequent].copy())
        self._others = torch.from_numpy(order[settings.n_frequent :].copy())
        weights = counts[order[settings.n_frequent :]] ** settings.sampling_exponent
        self._weights = torch.from_numpy(weights / max(weights.sum(), 1e-30))
        self._n_sampled = settings.n_sampled if len(weights) else 0
        self._place = torch.full((len(counts),), -1, dtype=torch.int64)

    def draw(self, words: Tensor) -> tuple[Sample, Tensor]:
        """Return a sample, and the places of ``words`` in its entries, int64 of their shape."""
        n_frequent = len(self._frequent)
        if self._n_sampled:
            pick = torch.multinomial(self._weights, self._n_sampled, replacement=True)
        else:
            pick = torch.zeros(0, dtype=torch.int64)
        drawn = self._others[pick]
        place = self._place.fill_(-1)
        place[self._frequent] = torch.arange(n_frequent)
        more = torch.unique(torch.cat([words.reshape(-1), drawn]))
        more = more[place[more] < 0]
        place[more] = n_frequent + torch.arange(len(more))
        expected = torch.log(self._n_sampled * self._weights[pick]).float()
        sample = Sample(
            torch.cat([self._frequent, more]),
            torch.cat([torch.arange(n_frequent), place[drawn]]),
            torch.cat([torch.zeros(n_frequent), expected]),
        )
        return sample, place[words]


class Gradients(NamedTuple):
    """Loss and gradients of `sampled_softmax`.

    Attributes:
        loss: mean negative log probability of the target words.
        queries: gradient, float32 (n, embedding).
        table: gradient for the sample's entries, float32 (n_entries, embedding).
        bias: gradient for the sample's entries, float32 (n_entries,).
    """

    loss: float
    queries: Tensor
    table: Tensor
    bias: Tensor


@torch.no_grad()
def sampled_softmax(
    queries: Tensor,
    words: Tensor,
    table: Tensor,
    bias: Tensor,
    sample: Sample,
    normalisation_weight: float,
) -> Gradients:
    """Return the loss of target words against a sample, and its gradients.

    Args:
        queries: float32 (n, embedding).
        words: places of the target words in the sample's entries, int64 (n,).
        table: vectors of the entries, float32 (n_entries, embedding).
        bias: biases of the entries, float32 (n_entries,).
        sample: the sample.
        normalisation_weight: see `RecurrentSettings`.
    """
    n = len(words)
    negatives = sample.negatives
    dtype = matmul_dtype()
    vectors = table[negatives].to(dtype)
    across = vectors.T.contiguous()
    offset = bias[negatives] - sample.log_expected
    # Place of each entry among the negatives; of one drawn twice, the last place.
    place = torch.full((len(table),), -1, dtype=torch.int64)
    place[negatives] = torch.arange(len(negatives))
    query_gradient = torch.empty_like(queries)
    table_gradient, bias_gradient = torch.zeros_like(table), torch.zeros_like(bias)
    of_negatives, of_offsets = torch.zeros(vectors.shape), torch.zeros(len(negatives))
    loss = 0.0
    for start in range(0, n, _BLOCK_WORDS):
        rows = slice(start, start + _BLOCK_WORDS)
        query, target = queries[rows], words[rows]
        short = query.to(dtype)
        own = table[target]
        logit = (query * own).sum(1) + bias[target]
        others = (short @ across).float().add_(offset)
        among = place[target]
        rows_with_target = torch.nonzero(among >= 0)[:, 0]
        others[rows_with_target, among[rows_with_target]] = -1e9
        total = torch.logaddexp(torch.logsumexp(others, 1), logit)
        loss += float((total - logit).sum())
        slope = (1 + 2 * normalisation_weight * total) / n
        share = others.sub_(total[:, None]).exp_().mul_(slope[:, None])
        short_share = share.to(dtype)
        of_offsets += share.sum(0)
        of_negatives += (short_share.T @ short).float()
        of_target = slope * torch.exp(logit - total) - 1 / n
        query_gradient[rows] = (short_share @ vectors).float() + of_target[:, None] * own
        table_gradient.index_add_(0, target, of_target[:, None] * query)
        bias_gradient.index_add_(0, target, of_target)
    table_gradient.index_add_(0, negatives, of_negatives)
    bias_gradient.index_add_(0, negatives, of_offsets)
    return Gradients(loss / n, query_gradient, table_gradient, bias_gradient)
