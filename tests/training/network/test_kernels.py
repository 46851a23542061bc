"""The fast training kernels against PyTorch's own operations, forwards and backwards."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch", reason="PyTorch is not installed: pip install torch")

from streamer.training.network import kernels  # noqa: E402
from streamer.training.network.training_network import NetworkShape, TrainingNetwork  # noqa: E402
from streamer.training.optimisation import losses  # noqa: E402
from streamer.training.optimisation.denominator_lm import phoneme_trigram  # noqa: E402
from tests.support.leaves import random_leaves  # noqa: E402


@pytest.fixture(autouse=True, scope="module")
def _compiled() -> None:
    """Compile the kernels when the first test runs, not when tests are collected."""
    reason = kernels.why_not()
    if reason:
        pytest.skip(f"no training kernels: {reason}")


def _rounded(*size: int) -> Any:
    """Numbers that bfloat16 holds exactly, so that both sides start from the same."""
    return torch.randn(size).bfloat16().float()


def _close(got: Any, wanted: Any, share: float) -> None:
    """No element is off by more than a share of the largest."""
    distance = (got.detach().float() - wanted).abs().max()
    assert float(distance) <= share * float(wanted.abs().max()) + 1e-7


@pytest.mark.parametrize("n_frames", [[1], [9, 5, 1, 17], [12] * 40, [3, 0, 4]])
def test_recurrence_is_an_lstm_on_clips_of_any_length(n_frames: list[int]) -> None:
    torch.manual_seed(0)
    n, counts = 64, torch.tensor(n_frames)
    lstm = torch.nn.LSTM(n, n)
    with torch.no_grad():
        for parameter in lstm.parameters():
            parameter.copy_(parameter.bfloat16())
    x, direction = _rounded(int(counts.sum()), n), _rounded(int(counts.sum()), n)
    parts = [lstm(clip)[0] for clip in x.split(n_frames) if len(clip)]
    wanted = torch.cat(parts)
    wanted.backward(direction)
    expected = [p.grad.clone() for p in lstm.parameters() if p.grad is not None]
    lstm.zero_grad()
    gates = torch.nn.functional.linear(x, lstm.weight_ih_l0, lstm.bias_ih_l0 + lstm.bias_hh_l0)
    got = kernels.recurrence(gates.bfloat16(), counts, lstm.weight_hh_l0)
    got.backward(direction.bfloat16())
    _close(got, wanted.detach(), 0.01)
    for parameter, gradient in zip(lstm.parameters(), expected):
        _close(parameter.grad, gradient, 0.02)


def test_normalised_is_batch_normalisation_clipped() -> None:
    torch.manual_seed(0)
    norms = [torch.nn.BatchNorm1d(48) for _ in range(2)]
    with torch.no_grad():
        norms[0].weight.uniform_(4, 15)
        norms[0].bias.normal_()
    norms[1].load_state_dict(norms[0].state_dict())
    x = (_rounded(3000, 48) * 4 + 1).bfloat16().float()
    inputs = [x.clone().requires_grad_(), x.bfloat16().requires_grad_()]
    wanted = norms[0](inputs[0]).clamp(0, 20)
    got = kernels.normalised(inputs[1], norms[1], 20.0, 0.0)
    assert float((wanted == 20).float().mean()) > 0.01  # the limit matters here
    direction = _rounded(3000, 48)
    wanted.backward(direction)
    got.backward(direction.bfloat16())
    _close(got, wanted.detach(), 0.004)
    _close(inputs[1].grad, inputs[0].grad, 0.01)
    for a, b in zip(norms[1].parameters(), norms[0].parameters()):
        _close(a.grad, b.grad, 1e-3)
    for name in ("running_mean", "running_var", "num_batches_tracked"):
        torch.testing.assert_close(getattr(norms[1], name), getattr(norms[0], name))


def test_dropout_drops_its_share_and_lets_the_same_back() -> None:
    torch.manual_seed(0)
    x = torch.rand(2000, 64).add(0.5).bfloat16().requires_grad_()
    result = kernels.dropped(x, 0.25)
    result.backward(torch.ones_like(result))
    gone = result == 0
    assert abs(float(gone.float().mean()) - 0.25) < 0.01
    assert x.grad is not None
    assert torch.equal(x.grad == 0, gone)
    _close(result[~gone], (x.detach().float() / 0.75)[~gone], 0.01)
    norm = torch.nn.BatchNorm1d(64)
    with torch.no_grad():
        norm.bias.fill_(5.0)  # nothing is negative
    share = (kernels.normalised(x, norm, 20.0, 0.1) == 0).float().mean()
    assert abs(float(share) - 0.1) < 0.01


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 40), st.integers(0, 12)), min_size=1, max_size=5),
       st.integers(0, 10**6))  # fmt: skip
def test_ctc_is_pytorchs(sizes: Any, seed: int) -> None:
    torch.manual_seed(seed)
    n_frames = torch.tensor([frames for frames, _ in sizes])
    # Few labels, so that some are the same as their neighbour, and some clips too short.
    n_labels = torch.tensor([labels for _, labels in sizes])
    labels = torch.randint(0, 3, (int(n_labels.sum()),))
    logits = torch.randn(int(n_frames.sum()), 5) * 3
    inputs = [logits.clone().requires_grad_() for _ in range(2)]
    padded = torch.nn.utils.rnn.pad_sequence(
        list(inputs[0].log_softmax(-1).split(n_frames.tolist()))
    )
    wanted = torch.nn.functional.ctc_loss(
        padded, labels, n_frames, n_labels, 4, reduction="none", zero_infinity=True
    )
    got = kernels.ctc(inputs[1], n_frames, labels, n_labels)
    # Clips without labels are the caller's to leave out: here they cost nothing.
    known = (n_labels > 0).float()
    torch.testing.assert_close(got, wanted * known, atol=1e-3, rtol=1e-4)
    weights = torch.rand(len(sizes)) * known
    (wanted * weights).sum().backward()
    (got * weights).sum().backward()
    torch.testing.assert_close(inputs[1].grad, inputs[0].grad, atol=1e-3, rtol=1e-3)


def test_the_whole_network_learns_the_same_way_with_and_without_kernels() -> None:
    torch.manual_seed(0)
    shape = NetworkShape(n_hidden=64, n_labels=7, n_phonemes=5, n_teacher=8)
    plain, fast = TrainingNetwork(shape), TrainingNetwork(shape, fast=True)
    fast.load_state_dict(plain.state_dict())
    n_frames = torch.tensor([30, 22, 30])
    vectors = torch.zeros(3, 48, 26)
    for row, n in zip(vectors, n_frames.tolist()):
        row[9 : 9 + n] = torch.randn(n, 26)
    gradients = []
    for network in (plain, fast):
        with torch.autocast("cpu", torch.bfloat16):
            outputs = network(vectors, n_frames)
        parts = [outputs.letters, *outputs.phonemes, *outputs.teacher]
        loss = sum((part.float() ** 2).mean() for part in parts)
        loss.backward()
        gradients.append(torch.cat([p.grad.flatten() for p in network.parameters()]))
    similarity = torch.nn.functional.cosine_similarity(*gradients, dim=0)
    assert float(similarity) > 0.99


@settings(max_examples=10, deadline=None)
@given(st.lists(st.integers(1, 30), min_size=1, max_size=5), st.sampled_from([2, 17, 40, 49]))
def test_all_sentences_are_those_of_the_plain_loop(n_frames: list[int], n_labels: int) -> None:
    random = np.random.default_rng(len(n_frames))
    said = [random.integers(0, n_labels - 1, 9).tolist() for _ in range(20)]
    table = torch.from_numpy(phoneme_trigram(said, n_labels - 1))
    counts = torch.tensor(n_frames)
    logits = (3 * torch.randn(sum(n_frames), n_labels)).requires_grad_()
    results = [losses.log_denominator(logits, counts, table, fast) for fast in (False, True)]
    slopes = [torch.autograd.grad(result.sum(), logits)[0] for result in results]
    torch.testing.assert_close(results[1], results[0], atol=1e-3, rtol=1e-5)
    torch.testing.assert_close(slopes[1], slopes[0], atol=1e-5, rtol=1e-4)


@settings(max_examples=10, deadline=None)
@given(
    st.lists(st.integers(1, 30), min_size=1, max_size=5),
    st.sampled_from([2, 17, 40, 49]),
    st.integers(1, 20),
)
def test_all_sentences_of_leaves_are_those_of_the_plain_loop(
    n_frames: list[int], n_labels: int, most: int
) -> None:
    random = np.random.default_rng(len(n_frames))
    said = [random.integers(0, n_labels - 1, 9).tolist() for _ in range(20)]
    table = torch.from_numpy(phoneme_trigram(said, n_labels - 1))
    leaves = random_leaves(random, n_labels - 1, most)
    of_labels = torch.from_numpy(leaves.table)
    counts = torch.tensor(n_frames)
    logits = (3 * torch.randn(sum(n_frames), len(leaves) + 1)).requires_grad_()
    results = [
        losses.log_denominator(logits, counts, table, fast, of_labels) for fast in (False, True)
    ]
    slopes = [torch.autograd.grad(result.sum(), logits)[0] for result in results]
    torch.testing.assert_close(results[1], results[0], atol=1e-3, rtol=1e-5)
    torch.testing.assert_close(slopes[1], slopes[0], atol=1e-5, rtol=1e-4)
