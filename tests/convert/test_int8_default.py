"""Large networks run in int8 where they hear the same letters as in float32."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

pytest.importorskip("onnx")

from streamer.bundle import Bundle, load_bundle
from streamer.cli.app import run
from streamer.convert import int8_default
from streamer.convert.int8_default import agreement, made_clips
from streamer.convert.writers.onnx import write_onnx
from streamer.models.backends import load_acoustic_model
from tests.support.models.bundles import random_weights
from tests.support.models.coreml_models import speech_like
from tests.support.models.graphs import memory_mapped


@pytest.fixture
def network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("STREAMER_MODELS", str(tmp_path / "models"))
    monkeypatch.setattr(int8_default, "LARGE_UNITS", 32)
    monkeypatch.setattr(sys, "platform", "linux")
    file = tmp_path / "network.pbmm"
    file.write_bytes(memory_mapped(random_weights(32)))
    return file


def imported(network: Path, *options: str) -> Bundle:
    assert run(["models", "import", str(network), "--name", "mine", *options]) == 0
    return load_bundle("mine")


def other_network(source: Path, path: Path) -> None:
    """Stand in for the quantiser: a network that hears other letters."""
    write_onnx(random_weights(32, seed=7), path)


def test_int8_is_the_default_where_the_letters_agree(
    network: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(int8_default, "quantise_onnx", shutil.copy)
    bundle = imported(network)
    assert bundle.choose_network()[0] == bundle.preferred == "onnx-int8"
    assert load_acoustic_model(bundle).n_hidden == 32
    assert bundle.choose_network("onnx") == ("onnx", bundle.networks["numpy"])
    assert bundle.measured == {"int8_agreement": 1.0}
    said = capsys.readouterr().err
    assert "agrees with float32 in 100.00 % of" in said and "of 10 clips; it is used" in said
    assert "mine.int8.onnx" in json.loads((bundle.folder / "model.json").read_text())["sha256"]


def test_float32_stays_where_they_do_not(
    network: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(int8_default, "quantise_onnx", other_network)
    bundle = imported(network)
    assert bundle.choose_network()[0] == "onnx" and bundle.preferred == ""
    assert "onnx-int8" not in bundle.networks and not list(bundle.folder.glob("*.int8.onnx"))
    assert "less than 99 %: float32 is used" in capsys.readouterr().err


def test_the_user_decides_by_precision(
    network: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: Any) -> None:
        raise AssertionError("nothing is quantised")

    with monkeypatch.context() as patch:
        patch.setattr(int8_default, "quantise_onnx", refuse)
        assert "onnx-int8" not in imported(network, "--precision", "fp32").networks
    assert run(["models", "remove", "mine"]) == 0
    monkeypatch.setattr(int8_default, "quantise_onnx", other_network)
    bundle = imported(network, "--precision", "int8")
    assert bundle.choose_network()[0] == "onnx-int8" and bundle.measured["int8_agreement"] < 0.99
    again = ["models", "import", str(bundle.folder), "--name", "again"]
    assert run([*again, "--precision", "int8"]) == 1
    assert "keeps its ONNX networks" in capsys.readouterr().err
    assert run(again) == 0 and load_bundle("again").choose_network()[0] == "onnx-int8"
    assert run([*again, "--precision", "int4"]) == 2


def test_small_networks_stay_in_float32(network: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(int8_default, "LARGE_UNITS", 33)
    assert "onnx-int8" not in imported(network).networks


def test_the_clips_are_the_users_if_there_are_any(
    network: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard = []

    def note(bundle: Bundle, exact: Path, other: Path, clips: Any) -> Any:
        heard.extend(clips)
        return agreement(bundle, exact, other, clips)

    monkeypatch.setattr(int8_default, "agreement", note)
    names = [tmp_path / "a.wav", tmp_path / "b.wav"]
    for seconds, name in zip((0.5, 1.0), names):
        soundfile.write(name, speech_like(seconds), 16000)
    options = [word for name in names for word in ("--audio", str(name))]
    bundle = imported(network, *options)
    assert [len(clip) for clip in heard] == [8000, 16000]
    found = agreement(bundle, bundle.networks["onnx"], bundle.networks["onnx"], heard)
    assert (found.share, found.clips, found.frames) == (1.0, 2, 25 + 50)
    assert run(["models", "import", str(network), "--name", "x", "--audio", "none.wav"]) == 1


def test_ten_different_clips_are_made_of_the_bundled_recording() -> None:
    clips = made_clips(16000)
    assert len(clips) == 10 and all(clip.dtype == np.float32 for clip in clips)
    assert all(4.5 < len(clip) / 16000 < 7.5 for clip in clips)
    assert len({clip[:1000].tobytes() for clip in clips}) == 10
    assert all(np.abs(clip).max() <= 1.5 for clip in clips)
