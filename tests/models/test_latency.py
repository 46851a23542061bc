"""Shorter windows: the same probabilities, sooner."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from streamer.bundle import Bundle, load_bundle
from streamer.cli.app import run
from streamer.errors import ModelError, UsageError
from streamer.features import Framer
from streamer.models import backends, own_networks
from streamer.models.backends import load_acoustic_model
from streamer.transcriber import Transcriber
from tests.support.models.bundles import make_tiny_bundle, random_weights
from tests.support.models.coreml_models import speech_like


@pytest.fixture
def tiny(tmp_path: Path) -> Bundle:
    return make_tiny_bundle(tmp_path / "tiny", n_hidden=16)


def stream(bundle: Bundle, model: Any, samples: Any) -> tuple[Any, Any, list[int]]:
    """Probabilities and last state of a stream, and how many samples each window waited for."""
    framer = Framer(bundle.front_end(), model.n_steps, model.n_context)
    state, rows, heard = model.initial_state(), [], []
    for end in range(160, len(samples) + 1, 160):
        for window in framer.feed(samples[end - 160 : end]):
            found, state = model.infer(window.features, window.n, state)
            rows.append(found.copy())
            heard += [end] * window.n
    for window in framer.finish():
        found, state = model.infer(window.features, window.n, state)
        rows.append(found.copy())
    return np.concatenate(rows), state, heard


@pytest.mark.parametrize("backend", ["onnx", "onnx-int8", "numpy"])
@pytest.mark.parametrize("seconds", [0.9, 1.0, 1.3])
def test_probabilities_and_state_are_those_of_longer_windows(
    tiny: Bundle, backend: str, seconds: float
) -> None:
    if backend not in tiny.networks:
        pytest.skip("needs the package onnx")
    samples = speech_like(seconds)
    models = [load_acoustic_model(tiny, backend, latency=name) for name in ("normal", "low")]
    assert [model.n_steps for model in models] == [16, 4]
    normal, low = (stream(tiny, model, samples) for model in models)
    # Dynamic quantisation takes the range of its inputs from the whole window.
    tolerance = 0.05 if backend == "onnx-int8" else 1e-5
    np.testing.assert_allclose(low[0], normal[0], rtol=0, atol=tolerance)
    if backend != "onnx-int8":
        np.testing.assert_allclose(low[1], normal[1], rtol=0, atol=1e-4)


def test_a_frame_is_there_up_to_240_ms_sooner_and_never_later(tiny: Bundle) -> None:
    samples = speech_like(2.0)
    waits = []
    for latency in ("normal", "low"):
        model = load_acoustic_model(tiny, "numpy", latency=latency)
        waits.append(np.array(stream(tiny, model, samples)[2]))
    frames = min(len(each) for each in waits)
    sooner = (waits[0][:frames] - waits[1][:frames]) / 16  # ms
    assert sooner.min() >= 0 and sooner.max() == 240
    # From the start of its frame: nine frames to come, its own length, and at most three more.
    starts = 320 * np.arange(len(waits[1]))
    assert ((waits[1] - starts) / 16).max() <= 180 + 32 + 60 + 10


def test_the_buffer_holds_nothing_of_the_window_before(tiny: Bundle) -> None:
    pytest.importorskip("onnx")
    model = load_acoustic_model(tiny, "onnx", latency="low")
    random = np.random.default_rng(0)
    window = (9 * random.standard_normal((1, 4, 19, 26))).astype(np.float32)
    first, _ = model.infer(window, 2, model.initial_state())
    first = first.copy()
    model.infer(window[:, ::-1].copy(), 4, model.initial_state())
    again, _ = model.infer(window, 2, model.initial_state())
    np.testing.assert_array_equal(again, first)
    with pytest.raises(ModelError, match="windows of shape"):
        model.infer(np.zeros((1, 16, 19, 26), np.float32), 16, model.initial_state())


def test_a_network_without_lengths_cannot_take_shorter_windows(
    tiny: Bundle, tmp_path: Path
) -> None:
    pytest.importorskip("onnx")
    from streamer.convert.writers.onnx import write_onnx

    path = tiny.folder / "other.onnx"
    write_onnx(random_weights(16), path, 16, input_lengths=False)
    bundle = dataclasses.replace(tiny, networks={"onnx": path}, sums={})
    with pytest.raises(ModelError, match="input_lengths"):
        load_acoustic_model(bundle, "onnx", latency="low")


def test_a_network_of_other_steps_than_described_is_still_an_error(tiny: Bundle) -> None:
    pytest.importorskip("onnx")
    for n_steps in (8, 4, 32):
        bundle = dataclasses.replace(tiny, n_steps=n_steps)
        with pytest.raises(ModelError, match=f"n_steps 16, model.json says {n_steps}"):
            load_acoustic_model(bundle, "onnx")


def test_core_ml_gets_a_network_made_once_on_this_machine(
    tiny: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("coremltools")
    from streamer.convert.check.checker import check_model
    from streamer.convert.coreml import open_model, write_coreml

    networks = dict(tiny.networks)
    for shape, precision in (("unrolled", "fp16"), ("lstm", "int8")):
        networks[f"coreml-{shape}"] = write_coreml(
            random_weights(16), tiny.folder / f"{shape}.mlpackage", 16, shape, precision
        )
    bundle = dataclasses.replace(tiny, networks=networks, sums={})
    made = {}
    for shape in ("unrolled", "lstm"):
        kind = f"coreml-{shape}"
        made[shape] = own_networks.network_of_steps(bundle, kind, networks[kind], 4, tmp_path)
        about = open_model(made[shape]).metadata
        assert (about["streamer.shape"], about["streamer.steps"]) == (shape, "4")
        assert check_model(made[shape], random_weights(16), speech_like()).passed
    assert open_model(made["lstm"]).metadata["streamer.precision"] == "int8"
    written = made["unrolled"].stat().st_mtime_ns
    again = own_networks.network_of_steps(
        bundle, "coreml-unrolled", networks["coreml-unrolled"], 4, tmp_path
    )
    assert again == made["unrolled"] and again.stat().st_mtime_ns == written
    assert len(list(tmp_path.glob("*.mlpackage"))) == 2
    monkeypatch.setattr(own_networks, "MAX_NETWORKS", 1)
    kind = "coreml-lstm"
    newest = own_networks.network_of_steps(bundle, kind, networks[kind], 8, tmp_path / "few")
    newest = own_networks.network_of_steps(bundle, kind, networks[kind], 4, tmp_path / "few")
    assert list((tmp_path / "few").iterdir()) == [newest]

    loaded = []

    def load(kind: str, path: Path, n_steps: int, compute_units: str) -> Any:
        loaded.append((kind, path, n_steps))
        return dataclasses.replace(bundle, n_steps=n_steps)

    monkeypatch.setattr(backends, "_load_network", load)
    monkeypatch.setattr(own_networks, "network_of_steps", lambda *_: made["unrolled"])
    load_acoustic_model(bundle, "coreml", latency="low")
    load_acoustic_model(bundle, "coreml", latency="normal")
    kind = "coreml-unrolled"
    assert loaded == [(kind, made["unrolled"], 4), (kind, networks[kind], 16)]


def test_an_unknown_latency_is_a_usage_error(
    tiny: Bundle, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(UsageError, match="use one of normal, low"):
        load_acoustic_model(tiny, latency="none")
    assert run(["transcribe", "--latency", "none", "x.wav"]) == 2
    assert "--latency" in capsys.readouterr().err


def test_the_option_reaches_the_network(
    tiny: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import soundfile

    asked = []

    def load(bundle: Bundle, backend: str, compute_units: Any, latency: str) -> Any:
        asked.append(latency)
        return load_acoustic_model(bundle, backend, compute_units, latency)

    monkeypatch.setattr(backends, "load_acoustic_model", load)
    soundfile.write(tmp_path / "x.wav", speech_like(1.0), 16000)
    options = ["--model", str(tiny.folder), "--decoder", "greedy", "--backend", "numpy"]
    assert run(["transcribe", str(tmp_path / "x.wav"), *options, "--latency", "low"]) == 0
    with Transcriber(tiny.folder, "numpy", "greedy", latency="low") as transcriber:
        assert transcriber.about
    assert asked == ["low", "low"]
    assert load_bundle(tiny.folder).n_steps == 16
