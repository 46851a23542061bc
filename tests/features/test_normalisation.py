"""Running normalisation: what it takes out, and that cuts change nothing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamer.errors import ModelError
from streamer.features.normalisation import RunningNormalisation, create_normalisation

SIZE = 3


def make(**changes: float) -> RunningNormalisation:
    return RunningNormalisation([1.0, -2.0, 0.5], [1.0, 2.0, 0.1], **changes)


def vectors(n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal([3, 0, 1], [2, 1, 0.2], (n, SIZE)).astype(np.float32)


@settings(deadline=None)
@given(st.lists(st.integers(0, 40), max_size=6), st.integers(0, 5))
def test_one_vector_at_a_time_equals_many_to_the_last_bit(cuts: list[int], seed: int) -> None:
    x = vectors(sum(cuts), seed)
    one = make()
    expected = [one.normalise(vector) for vector in x]
    many, found, start = make(), [], 0
    for n in cuts:
        found.extend(many.normalise_all(x[start : start + n]))
        start += n
    assert np.array_equal(np.array(expected), np.array(found))
    assert np.array_equal(one.normalise(x[0] if len(x) else vectors(1)[0]),
                          many.normalise(x[0] if len(x) else vectors(1)[0]))  # fmt: skip


def test_a_long_stream_has_mean_0_and_deviation_1_whatever_it_is_shifted_and_scaled_by() -> None:
    x = vectors(6000)
    for shift, scale in ((0.0, 1.0), (5.0, 1.0), (-3.0, 2.0)):
        y = make().normalise_all((x * scale + shift).astype(np.float32))[4000:]
        assert np.abs(y.mean(axis=0)).max() < 0.1
        assert np.abs(y.std(axis=0) - 1).max() < 0.1


def test_the_first_vectors_are_normalised_as_the_training_data_are() -> None:
    first = make(prior_vectors=1000.0).normalise(np.array([2.0, 0.0, 0.6], np.float32))
    assert first == pytest.approx([1.0, 1.0, 1.0], abs=0.01)


def test_a_constant_stream_stays_finite_and_small() -> None:
    y = make().normalise_all(np.full((3000, SIZE), 7.0, np.float32))
    assert np.isfinite(y).all()
    assert np.abs(y[-1]).max() < 0.05


def test_reset_begins_as_new() -> None:
    x, used = vectors(50), make()
    used.normalise_all(vectors(100, 1))
    used.reset()
    assert np.array_equal(used.normalise_all(x), make().normalise_all(x))


def test_it_is_made_again_from_its_description() -> None:
    again = create_normalisation(make(prior_vectors=7.0).describe())
    assert again is not None
    x = vectors(30)
    assert np.array_equal(again.normalise_all(x), make(prior_vectors=7.0).normalise_all(x))
    assert create_normalisation(None) is None


@pytest.mark.parametrize(
    "bad",
    [
        {"kind": "other"},
        "running",
        {"kind": "running", "mean": [0.0], "deviation": [1.0, 1.0]},
        {"kind": "running", "mean": [0.0], "deviation": [0.0]},
        {"kind": "running", "mean": [float("nan")], "deviation": [1.0]},
        {"kind": "running", "mean": ["x"], "deviation": [1.0]},
        {"kind": "running", "mean": [0.0], "deviation": [1.0], "window_vectors": 0.0},
        {"kind": "running", "mean": [0.0]},
    ],
)
def test_a_bad_description_is_refused(bad: object) -> None:
    with pytest.raises(ModelError, match="normalisation"):
        create_normalisation(bad)
