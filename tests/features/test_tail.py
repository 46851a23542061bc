"""The loop of Apple's guide loses the end of a recording; ours keeps it."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from streamer.acoustic.numpy_model import NumpyAcousticModel
from streamer.features import DeepSpeechFrontEnd, Framer
from tests.support.models.bundles import random_weights
from tests.support.models.coreml_models import speech_like

WEIGHTS = random_weights(16)
STEPS = 16


def whole_windows(samples: Any) -> Any:
    """All steps of a recording in one window, (1, steps, 19, 26)."""
    framer = Framer(DeepSpeechFrontEnd(), STEPS, 9)
    windows = [*framer.feed(samples), *framer.finish()]
    return np.concatenate([window.features[:, : window.n] for window in windows], axis=1)


def guide_loop(features: Any) -> list[Any]:
    """The guide's loop: ``while start + step < max``, whole chunks only."""
    model = NumpyAcousticModel(WEIGHTS, STEPS)
    state = model.initial_state()
    rows: list[Any] = []
    start, most = 0, features.shape[1]
    while start + STEPS < most:
        chunk = features[:, start : start + STEPS]
        probabilities, state = model.infer(chunk, STEPS, state)
        rows.extend(probabilities)
        start += STEPS
    return rows


def our_loop(samples: Any) -> list[Any]:
    model = NumpyAcousticModel(WEIGHTS, STEPS)
    framer = Framer(DeepSpeechFrontEnd(), STEPS, 9)
    state = model.initial_state()
    rows: list[Any] = []
    for window in [*framer.feed(samples), *framer.finish()]:
        probabilities, state = model.infer(window.features, window.n, state)
        rows.extend(probabilities)
    return rows


@settings(max_examples=20, deadline=None)
@given(steps=st.integers(18, 70))
def test_the_guides_loop_drops_the_tail_and_ours_keeps_it(steps: int) -> None:
    # The 192 samples after the last window are padded to one more.
    samples = speech_like(2.0)[: 512 + 320 * (steps - 2)]
    features = whole_windows(samples)
    assert features.shape[1] == steps
    model = NumpyAcousticModel(WEIGHTS, STEPS)
    one_call, _ = model.infer(features, steps, model.initial_state())
    ours, theirs = our_loop(samples), guide_loop(features)
    assert len(ours) == steps
    assert np.abs(np.array(ours) - one_call).max() < 1e-5
    # The guide loses even a full chunk at the end.
    dropped = (steps - 1) % STEPS + 1
    assert len(theirs) == steps - dropped
    assert np.abs(np.array(theirs) - one_call[: len(theirs)]).max() < 1e-5
