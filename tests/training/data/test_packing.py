"""Packed features are a quarter as large and nearly the same."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from streamer.errors import StreamerError
from streamer.features import PythonSpeechFeaturesFrontEnd
from streamer.training.data.cache import Cache, build_cache
from streamer.training.data.manifests import Clip
from streamer.training.data.packing import pack, quantised, steps, unpack

RATE_HZ = 16000


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Cache:
    folder = tmp_path_factory.mktemp("packing")
    random = np.random.default_rng(0)
    clips = []
    for number in range(3):
        path = folder / f"{number}.wav"
        soundfile.write(path, random.normal(0, 0.1, 20000 + 5000 * number), RATE_HZ)
        clips.append(Clip(path, "one two", "", ""))
    front_end = PythonSpeechFeaturesFrontEnd().describe()
    return build_cache(clips, folder / "cache", front_end, processes=1)


def test_what_is_unpacked_is_the_same_to_a_step(cache: Cache, tmp_path: Path) -> None:
    pack(cache, tmp_path / "speech.packed")
    again = unpack(tmp_path / "speech.packed", tmp_path / "cache")
    assert again.front_end == cache.front_end
    assert [e.transcript for e in again.entries] == [e.transcript for e in cache.entries]
    assert not len(again.audio)
    _, step = steps(cache.features)
    inside = np.abs(again.features - cache.features) <= 0.51 * step
    assert inside.mean() > 0.995
    for old, new in zip(cache.entries, again.entries):
        assert again.vectors(new).shape == cache.vectors(old).shape
    assert len(again.samples(again.entries[0])) == 0


def test_thirteen_hours_fit_into_60_mib(cache: Cache, tmp_path: Path) -> None:
    pack(cache, tmp_path / "speech.packed")
    index = (cache.where / "clips.json").stat().st_size
    bytes_a_vector = ((tmp_path / "speech.packed").stat().st_size - index) / len(cache.features)
    assert bytes_a_vector * 13 * 3600 * 50 < 60 * 2**20


def test_outliers_are_cut_off_and_do_not_make_the_steps_coarse() -> None:
    features = np.random.default_rng(0).normal(0, 1, (100_000, 2)).astype(np.float32)
    features[0] = -250.0
    middle, step = steps(features)
    assert step.max() < 0.04
    assert quantised(features, middle, step)[0].tolist() == [-127, -127]


def test_a_damaged_file_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "bad"
    path.write_bytes(b"PK nothing")
    with pytest.raises(StreamerError, match="not packed features"):
        unpack(path, tmp_path / "cache")
