"""The framer: the same windows for all block sizes, padded as in the native client."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamer.features import (
    DeepSpeechFrontEnd,
    Framer,
    PythonSpeechFeaturesFrontEnd,
    Window,
    create_front_end,
)

FRONT_ENDS = {"deepspeech": DeepSpeechFrontEnd(), "psf": PythonSpeechFeaturesFrontEnd()}


def speech_like(seed: int, samples: int) -> Any:
    random = np.random.default_rng(seed)
    return (0.2 * random.standard_normal(samples)).astype(np.float32)


def run(framer: Framer, blocks: list[Any]) -> list[Window]:
    framer.reset()
    windows: list[Window] = []
    for block in blocks:
        windows += framer.feed(block)
    return windows + framer.finish()


def same(one: list[Window], other: list[Window]) -> bool:
    return [w.n for w in one] == [w.n for w in other] and all(
        a.features.tobytes() == b.features.tobytes() for a, b in zip(one, other)
    )


def native_client_steps(front_end: Any, samples: Any, n_context: int) -> Any:
    """All steps of a stream at once, by the rules of DeepSpeech's native client.

    n_context zero vectors before; a vector for each full window; what is left
    over, zero-padded to one more window; n_context zero vectors after.
    """
    vectors, history, position = [], np.zeros(0, np.float32), 0
    while len(samples) - position >= front_end.window_samples:
        window = samples[position : position + front_end.window_samples]
        vectors.append(front_end.coefficients(window, history)[0])
        position += front_end.step_samples
        history = samples[position - front_end.history_samples : position]
    rest = samples[position:]
    if len(rest):
        padded = np.zeros(front_end.window_samples, np.float32)
        padded[: len(rest)] = rest
        vectors.append(front_end.coefficients(padded, history)[0])
    zeros = [np.zeros(front_end.n_coefficients, np.float32)] * n_context
    vectors = zeros + vectors + zeros
    width = 2 * n_context + 1
    return np.stack([np.stack(vectors[i : i + width]) for i in range(len(vectors) - width + 1)])


@pytest.mark.parametrize("kind", FRONT_ENDS)
@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 1000),
    total=st.integers(0, 20_000),
    cuts=st.lists(st.integers(0, 20_000), max_size=12),
    n_steps=st.sampled_from([1, 4, 16]),
)
def test_block_sizes_change_no_bit(
    kind: str, seed: int, total: int, cuts: list[int], n_steps: int
) -> None:
    samples = speech_like(seed, total)
    framer = Framer(FRONT_ENDS[kind], n_steps, 9)
    whole = run(framer, [samples])
    pieces = np.split(samples, sorted(min(c, total) for c in cuts))
    assert same(run(framer, pieces), whole)


@pytest.mark.parametrize("kind", FRONT_ENDS)
@pytest.mark.parametrize("block", [1, 7, 160, 320, 511, 512, 513])
def test_blocks_of_one_size_give_the_same_bits(kind: str, block: int) -> None:
    samples = speech_like(3, 6000)
    framer = Framer(FRONT_ENDS[kind], 16, 9)
    pieces = [samples[i : i + block] for i in range(0, len(samples), block)]
    assert same(run(framer, pieces), run(framer, [samples]))


@pytest.mark.parametrize("kind", FRONT_ENDS)
@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 1000),
    total=st.integers(1, 20_000),
    n_steps=st.sampled_from([1, 3, 16]),
    n_context=st.sampled_from([0, 5, 9]),
)
def test_the_steps_equal_those_of_the_native_client(
    kind: str, seed: int, total: int, n_steps: int, n_context: int
) -> None:
    samples = speech_like(seed, total)
    windows = run(Framer(FRONT_ENDS[kind], n_steps, n_context), [samples])
    expected = native_client_steps(FRONT_ENDS[kind], samples, n_context)
    ours = np.concatenate([w.features[0, : w.n] for w in windows])
    np.testing.assert_array_equal(ours, expected)
    assert all(w.n == n_steps for w in windows[:-1])
    assert all(not w.features[0, w.n :].any() for w in windows)


def test_the_first_window_comes_after_8192_samples() -> None:
    framer = Framer(DeepSpeechFrontEnd(), 16, 9)
    # Step 15 looks 9 vectors ahead, to vector 24, which is complete 512 samples after it begins.
    assert framer.feed(speech_like(0, 24 * 320 + 511)) == []
    assert len(framer.feed(speech_like(1, 1))) == 1
    assert 24 * 320 + 512 == 8192


def test_samples_are_transformed_once_all_those_of_a_window_together() -> None:
    transformed: list[int] = []

    class Counting(DeepSpeechFrontEnd):
        def coefficients(self, samples: Any, history: Any) -> Any:
            transformed.append(len(samples))
            return super().coefficients(samples, history)

    framer = Framer(Counting(), 16, 9)
    for _ in range(100):
        before = len(transformed)
        windows = framer.feed(np.zeros(framer.front_end.step_samples, np.float32))
        assert len(transformed) - before == len(windows)
    assert len(transformed) == 5


def test_an_empty_stream_has_no_windows() -> None:
    framer = Framer(DeepSpeechFrontEnd(), 16, 9)
    assert framer.finish() == []
    framer.reset()
    assert framer.feed(np.zeros(0, np.float32)) == []
    assert framer.finish() == []


def test_a_single_sample_is_a_stream_of_one_step() -> None:
    framer = Framer(DeepSpeechFrontEnd(), 16, 9)
    windows = run(framer, [np.array([0.5], np.float32)])
    assert [w.n for w in windows] == [1]
    # Nine zero vectors, the padded window, nine zero vectors.
    assert not windows[0].features[0, 0, :9].any()
    assert windows[0].features[0, 0, 9].any()
    assert not windows[0].features[0, 0, 10:].any()


def test_the_beginning_is_padded_with_zero_vectors_not_with_silence() -> None:
    windows = run(Framer(DeepSpeechFrontEnd(), 1, 9), [np.zeros(512, np.float32)])
    assert not windows[0].features[0, 0, :9].any()
    assert windows[0].features[0, 0, 9, 0] == pytest.approx(-247.1, abs=0.05)


def test_reset_begins_a_new_stream() -> None:
    framer = Framer(PythonSpeechFeaturesFrontEnd(), 4, 2)
    samples = speech_like(5, 5000)
    first = run(framer, [samples])
    framer.feed(speech_like(6, 1234))
    assert same(run(framer, [samples]), first)


def test_returned_windows_do_not_change_later() -> None:
    framer = Framer(DeepSpeechFrontEnd(), 4, 2)
    early = framer.feed(speech_like(1, 8000))
    before = [w.features.copy() for w in early]
    framer.feed(speech_like(2, 8000))
    framer.finish()
    assert all((w.features == b).all() for w, b in zip(early, before))


def test_a_front_end_with_a_normalisation_is_normalised_vector_by_vector_over_utterances() -> None:
    entry = {
        **DeepSpeechFrontEnd().describe(),
        "normalisation": {"kind": "running", "mean": [0.5] * 26, "deviation": [2.0] * 26},
    }
    front_end = create_front_end(entry)
    assert create_front_end(front_end.describe()).describe() == front_end.describe()
    samples = np.random.default_rng(0).normal(0, 0.1, 16000).astype(np.float32)
    plain = vectors_of(Framer(DeepSpeechFrontEnd(), 16, 0), samples)
    assert front_end.normalisation is not None
    expected = front_end.normalisation.new_stream().normalise_all(np.concatenate([plain, plain]))
    stream = front_end.normalisation.new_stream()
    found = [vectors_of(Framer(front_end, 16, 0, stream), samples) for _ in range(2)]
    assert np.array_equal(np.concatenate(found), expected)
    # Without a stream to go on with, each framer begins one, and so does a reset.
    framer = Framer(front_end, 16, 0)
    first = vectors_of(framer, samples)
    framer.reset()
    assert np.array_equal(first, found[0])
    assert np.array_equal(vectors_of(framer, samples), found[0])


def vectors_of(framer: Framer, samples: np.ndarray) -> np.ndarray:
    windows = framer.feed(samples) + framer.finish()
    return np.concatenate([window.features[0, : window.n, 0] for window in windows])
