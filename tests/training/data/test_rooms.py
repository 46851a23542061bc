"""Simulated rooms die away as they should, and near is nearer than far."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamer.arrays import FloatArray
from streamer.training.data.rooms import (
    Room,
    Rooms,
    diffuse_response,
    draw_room,
    impulse_response,
    in_room,
)

RATE_HZ = 16000
ROOM = Room((6.0, 4.5, 2.8), (2.0, 2.0, 1.5), (4.0, 3.0, 1.2), 0.4)


def _response(room: Room, seed: int = 0) -> FloatArray:
    return impulse_response(room, RATE_HZ, np.random.default_rng(seed))


def _t60(response: FloatArray) -> float:
    """Of Schroeder's backward integral between -5 and -25 dB."""
    energy = response.astype(np.float64) ** 2
    left = 10 * np.log10(np.cumsum(energy[::-1])[::-1] / energy.sum() + 1e-12)
    start, end = np.argmax(left < -5), np.argmax(left < -25)
    return float(3 * (end - start) / RATE_HZ)


def _direct_db(response: FloatArray) -> float:
    """Energy of the first 2.5 ms against the rest."""
    energy = response.astype(np.float64) ** 2
    n = RATE_HZ // 400
    return float(10 * np.log10(energy[:n].sum() / energy[n:].sum()))


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_any_room_has_its_direct_sound_first_and_energy_1(seed: int) -> None:
    random = np.random.default_rng(seed)
    room = draw_room(random)
    response = impulse_response(room, RATE_HZ, random)
    assert response.dtype == np.float32
    assert np.isfinite(response).all()
    assert np.sum(response**2) == pytest.approx(1, rel=1e-4)
    assert abs(response[0]) > 0.02
    assert len(response) <= 0.85 * RATE_HZ


@pytest.mark.parametrize("t60_s", [0.2, 0.4, 0.8])
def test_a_room_decays_in_its_reverberation_time(t60_s: float) -> None:
    found = [_t60(_response(replace(ROOM, t60_s=t60_s), seed)) for seed in range(5)]
    assert np.mean(found) == pytest.approx(t60_s, rel=0.25)


def test_the_tail_goes_on_where_the_images_end() -> None:
    # Energy of 10 ms before and after the border, on the curve of decay.
    border = round(0.05 * RATE_HZ) - round(ROOM.distance_m / 343 * RATE_HZ)
    n = RATE_HZ // 100
    ratios = []
    for seed in range(8):
        energy = _response(ROOM, seed).astype(np.float64) ** 2
        ratios.append(energy[border : border + n].sum() / energy[border - n : border].sum())
    assert 10 * np.log10(np.mean(ratios)) == pytest.approx(-60 * 0.01 / 0.4, abs=2.5)


def test_far_away_the_direct_sound_is_below_the_rest() -> None:
    near = replace(ROOM, speaker=(3.8, 2.9, 1.2))
    assert _direct_db(_response(near)) > 5
    assert _direct_db(_response(ROOM)) < -3


def test_a_diffuse_response_has_the_ratio_and_the_decay_that_were_asked_for() -> None:
    response = diffuse_response(0.4, -9.0, RATE_HZ, np.random.default_rng(0)).astype(np.float64)
    energy = response**2
    assert 10 * np.log10(energy[0] / energy[1:].sum()) == pytest.approx(-9, abs=0.01)
    assert _t60(response[1:].astype(np.float32)) == pytest.approx(0.4, abs=0.03)


def test_the_same_seed_makes_the_same_rooms_and_they_go_from_near_to_far() -> None:
    one, two = Rooms(RATE_HZ, 40, seed=3), Rooms(RATE_HZ, 40, seed=3)
    for a, b in zip(one.responses, two.responses):
        np.testing.assert_array_equal(a, b)
    ratios = [_direct_db(response) for response in one.responses]
    assert min(ratios) < -6
    assert max(ratios) > 6


def test_a_room_keeps_length_and_energy_and_smears_time() -> None:
    click = np.zeros(16000, np.float32)
    click[100] = 0.5
    wet = in_room(click, _response(ROOM))
    assert wet.dtype == np.float32
    assert len(wet) == len(click)
    assert np.sum(wet**2) == pytest.approx(np.sum(click**2), rel=1e-4)
    assert np.all(np.abs(wet[:100]) < 1e-5)
    assert np.count_nonzero(np.abs(wet[101:]) > 1e-5) > 1000


def test_silence_in_a_room_is_silence() -> None:
    assert not in_room(np.zeros(500, np.float32), _response(ROOM)).any()
