"""What a training makes small: CTC, one sentence against all, distance to the teacher."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch", reason="PyTorch is not installed: pip install torch")

from streamer.decoding.lexicon.leaves import Leaves  # noqa: E402
from streamer.training.data.batches import frames_needed  # noqa: E402
from streamer.training.optimisation import losses  # noqa: E402
from streamer.training.optimisation.denominator_lm import phoneme_trigram  # noqa: E402
from tests.support.leaves import random_leaves, untied  # noqa: E402


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 4), max_size=6))
def test_ctc_is_possible_with_just_the_frames_needed(labels: list[int]) -> None:
    n = frames_needed(labels)
    flat = torch.full((max(1, n), 6), math.log(1 / 6))
    target = torch.tensor(labels, dtype=torch.long)
    count = torch.tensor([len(labels)])
    loss = losses.per_label(losses.ctc(flat, torch.tensor([max(1, n)]), target, count), count)
    assert math.isfinite(float(loss))
    assert (float(loss) > 0) == (len(labels) > 0)


def test_frames_without_a_teacher_teach_nothing() -> None:
    guess = torch.randn(6, 2, 4, requires_grad=True)
    wanted = torch.randint(0, 4, (6, 2))
    wanted[3:] = -1
    losses.distillation([guess], wanted).backward()
    assert guess.grad is not None
    assert guess.grad[:3].abs().min() > 0
    assert guess.grad[3:].abs().max() == 0
    assert float(losses.distillation([guess], torch.full((6, 2), -1)).detach()) == 0


def test_the_teachers_loss_is_zero_for_the_right_indices_only() -> None:
    wanted = torch.randint(0, 4, (5, 2))
    right = 100.0 * torch.nn.functional.one_hot(wanted, 4)
    assert float(losses.distillation([right], wanted)) < 1e-6
    assert float(losses.distillation([right], (wanted + 1) % 4)) > 50
    evenly = torch.zeros(5, 2, 4)
    assert float(losses.distillation([evenly, evenly], wanted)) == pytest.approx(math.log(4))


def _sentences(n_labels: int) -> list[list[int]]:
    random = np.random.default_rng(4)
    return [random.integers(0, n_labels, random.integers(0, 6)).tolist() for _ in range(30)]


@pytest.mark.parametrize("n_labels", [2, 5])
def test_a_trigram_is_made_of_distributions_that_know_what_was_said(n_labels: int) -> None:
    table = phoneme_trigram([*_sentences(n_labels), [0, 1, 0, 1]] * 3, n_labels)
    assert table.shape == (n_labels + 1,) * 3
    np.testing.assert_allclose(table.sum(axis=2), 1, rtol=1e-5)
    assert table.min() > 0
    always = phoneme_trigram([[0, 1, 1]] * 50, n_labels)
    assert always[0, 1, 1] > 0.9 and always[1, 1, n_labels] > 0.9
    assert always[n_labels, n_labels, 0] > 0.9


def _enumerated(
    probabilities: torch.Tensor, table: torch.Tensor, leaves: Leaves | None = None
) -> torch.Tensor:
    """Go through every path there is."""
    blank, edge = probabilities.shape[1] - 1, len(table) - 1
    sum_ = torch.zeros((), dtype=torch.float64)
    for path in itertools.product(range(blank + 1), repeat=len(probabilities)):
        weight = torch.ones((), dtype=torch.float64)
        for t, label in enumerate(path):
            weight = weight * probabilities[t, label]
        before = [edge, edge]
        said = [k for k, _ in itertools.groupby(path) if k != blank]
        if leaves is not None:
            found, said = said, leaves.phonemes[said].tolist()
            if leaves.of(said) != found:
                continue
        for label in [*said, edge]:
            weight = weight * table[before[0], before[1], label]
            before = [before[1], label]
        sum_ = sum_ + weight
    return sum_.log()


@pytest.mark.parametrize("fast", [False, True])
def test_all_sentences_are_all_paths_there_are(fast: bool) -> None:
    if fast and losses.kernels.why_not():
        pytest.skip(losses.kernels.why_not())
    torch.manual_seed(0)
    table = torch.from_numpy(phoneme_trigram(_sentences(3), 3))
    logits = torch.randn(8, 4, requires_grad=True)
    probabilities = logits.double().softmax(-1)
    clips = probabilities[:5], probabilities[5:]
    wanted = torch.stack([_enumerated(clip, table) for clip in clips])
    weights = torch.tensor([1.0, 2.0])
    (slope,) = torch.autograd.grad((wanted * weights).sum(), logits)
    got = losses.log_denominator(logits, torch.tensor([5, 3]), table, fast)
    (found,) = torch.autograd.grad((got * weights).sum(), logits)
    torch.testing.assert_close(got, wanted.float(), atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(found, slope, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("fast", [False, True])
def test_all_sentences_of_leaves_are_all_paths_there_are(fast: bool, seed: int) -> None:
    if fast and losses.kernels.why_not():
        pytest.skip(losses.kernels.why_not())
    torch.manual_seed(seed)
    leaves = random_leaves(np.random.default_rng(seed), 3, 3)
    table = torch.from_numpy(phoneme_trigram(_sentences(3), 3))
    logits = torch.randn(7, len(leaves) + 1, requires_grad=True)
    probabilities = logits.double().softmax(-1)
    clips = probabilities[:4], probabilities[4:]
    wanted = torch.stack([_enumerated(clip, table, leaves) for clip in clips])
    weights = torch.tensor([1.0, 2.0])
    (slope,) = torch.autograd.grad((wanted * weights).sum(), logits)
    of_labels = torch.from_numpy(leaves.table)
    got = losses.log_denominator(logits, torch.tensor([4, 3]), table, fast, of_labels)
    (found,) = torch.autograd.grad((got * weights).sum(), logits)
    torch.testing.assert_close(got, wanted.float(), atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(found, slope, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("fast", [False, True])
def test_a_leaf_for_each_phoneme_is_the_phoneme(fast: bool) -> None:
    if fast and losses.kernels.why_not():
        pytest.skip(losses.kernels.why_not())
    torch.manual_seed(1)
    table = torch.from_numpy(phoneme_trigram(_sentences(5), 5))
    logits, n_frames = torch.randn(30, 6), torch.tensor([12, 18])
    leaves = torch.from_numpy(untied(5).table)
    plain = losses.log_denominator(logits, n_frames, table, fast)
    torch.testing.assert_close(losses.log_denominator(logits, n_frames, table, fast, leaves), plain)
    labels, counts = torch.tensor([3, 1, 1, 4, 0]), torch.tensor([2, 0, 3])
    assert losses.leaf_labels(labels, counts, leaves).tolist() == labels.tolist()


def test_leaves_of_a_batch_begin_anew_with_each_clip() -> None:
    leaves = random_leaves(np.random.default_rng(3), 6, 4)
    clips = [[4, 4, 1], [], [0], [2, 5, 5]]
    labels = torch.tensor([label for clip in clips for label in clip])
    counts = torch.tensor([len(clip) for clip in clips])
    wanted = [leaf for clip in clips for leaf in leaves.of(clip)]
    found = losses.leaf_labels(labels, counts, torch.from_numpy(leaves.table))
    assert found.tolist() == wanted


def test_one_sentence_is_less_than_all_and_nearly_all_where_it_alone_is_heard() -> None:
    said = [0, 2, 2, 1]
    table = torch.from_numpy(phoneme_trigram([said, [1, 0], [2, 1]], 3))
    path = torch.tensor([0, 0, 3, 2, 3, 2, 2, 1, 3])
    n_frames, count = torch.tensor([len(path)]), torch.tensor([len(said)])
    spelled = losses.log_prior(torch.tensor([*said, *said]), torch.tensor([4, 4]), table)
    assert math.isclose(float(spelled[0]), float(spelled[1]), rel_tol=1e-6)
    step_by_step = zip([3, 3, *said], [3, *said], [*said, 3])
    wanted = sum(math.log(float(table[a, b, c])) for a, b, c in step_by_step)
    assert math.isclose(float(spelled[0]), wanted, rel_tol=1e-5)
    for sharpness, most in ((0.0, math.inf), (30.0, 1e-3)):
        logits = sharpness * torch.nn.functional.one_hot(path, 4).float()
        all_ = losses.log_denominator(logits, n_frames, table)
        right = spelled[:1] - losses.ctc(logits, n_frames, torch.tensor(said), count)
        assert -1e-4 < float(all_ - right) < most


def test_views_that_agree_cost_nothing_and_those_that_do_not_learn_from_each_other() -> None:
    one = torch.randn(7, 5)
    assert float(losses.disagreement(torch.cat([one, one + 3.0]))) == pytest.approx(0, abs=1e-5)
    both = torch.randn(14, 5, requires_grad=True)
    loss = losses.disagreement(both)
    loss.backward()
    p, q = both.detach().softmax(dim=1).chunk(2)
    expected = ((p * (p / q).log()).sum() + (q * (q / p).log()).sum()) / 2
    assert float(loss.detach()) == pytest.approx(float(expected), rel=1e-5)
    # The gradient of a cross entropy to fixed probabilities is the difference, for each view.
    torch.testing.assert_close(both.grad, torch.cat([p - q, q - p]) / 2)


def test_noise_costs_what_is_missing_for_blanks_only() -> None:
    logits = torch.randn(9, 5)
    n_frames, clips = torch.tensor([4, 2, 3]), torch.tensor([True, False, True])
    found = losses.no_speech(logits, n_frames, clips)
    blank = -logits.double().log_softmax(-1)[:, 4]
    assert float(found) == pytest.approx(float(blank[:4].sum() + blank[6:].sum()), rel=1e-5)
    assert float(losses.no_speech(logits, n_frames, torch.zeros(3, dtype=torch.bool))) == 0
