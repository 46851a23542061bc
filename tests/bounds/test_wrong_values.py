"""Values of a bundle that cannot be right: one line each, or they work."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from streamer.acoustic.numpy_model import NumpyAcousticModel
from streamer.acoustic.onnx_model import OnnxAcousticModel
from streamer.bundle import load_bundle, read_bundle, write_bundle
from streamer.convert.writers.onnx import write_onnx
from streamer.convert.writers.safetensors import write_safetensors
from streamer.decoding import Alphabet, DecodingSettings, create_decoder
from streamer.decoding.alphabet import write_alphabet
from streamer.engine.model_loader import ModelChoice, load_model
from streamer.errors import ModelError, StreamerError
from streamer.events import Final
from streamer.transcriber import Transcriber
from tests.support.models.bundles import LABELS, make_tiny_bundle, random_weights
from tests.support.paths import ROOT

#: Speech: the voice activity hears nothing in noise.
SAMPLE = ROOT / "assets" / "english" / "sample.flac"

#: Of every kind that JSON has.
VALUES: list[Any] = [None, True, False, -1, 0, 1, 1 << 70, 1.5, float("nan"), float("inf"), "",
                     "x", "../x", "\0", "\ud800", [], [1], {}, {"a": 1}, "y" * 5_000]  # fmt: skip


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_bundle(tmp_path_factory.mktemp("bundle") / "tiny", n_hidden=4).folder


def leaves(contents: dict[str, Any]) -> list[tuple[str, ...]]:
    """The path of each value in ``model.json``, objects included."""
    found: list[tuple[str, ...]] = []
    for key, value in contents.items():
        found.append((key,))
        if isinstance(value, dict):
            found += [(key, *rest) for rest in leaves(value)]
    return found


DECODING = {name: 1 for name in (f.name for f in dataclasses.fields(DecodingSettings))}


def test_no_wrongly_typed_field_is_anything_but_one_line(tiny: Path, tmp_path: Path) -> None:
    folder = tmp_path / "tiny"
    shutil.copytree(tiny, folder)
    path = folder / "model.json"
    whole = json.loads(path.read_text())
    whole["decoding"] = DECODING
    refused = 0
    for keys in leaves(whole):
        for value in VALUES:
            contents = json.loads(json.dumps(whole))
            inner = contents
            for key in keys[:-1]:
                inner = inner[key]
            inner[keys[-1]] = value
            path.write_text(json.dumps(contents))
            try:
                read_bundle(folder).front_end()
            except ModelError as error:
                refused += 1
                assert "\n" not in str(error) and len(str(error)) < 600, keys
    assert refused > 500


@pytest.mark.parametrize("name", sorted(DECODING))
@pytest.mark.parametrize("value", [True, False, "1", [], {}])
def test_a_setting_of_the_decoder_is_a_number(name: str, value: Any, tiny: Path) -> None:
    with pytest.raises(ModelError, match=name):
        DecodingSettings.from_mapping({name: value})


@pytest.mark.parametrize("backend", ["numpy", "onnx", "onnx-int8"])
def test_a_network_that_answers_nan_is_named(backend: str, tmp_path: Path) -> None:
    bundle = make_tiny_bundle(tmp_path / "tiny", n_hidden=8)
    if backend not in bundle.networks:
        pytest.skip("the package onnx is not installed")
    weights = random_weights(8)
    layers = {name: np.full_like(array, np.nan) for name, array in weights.layers.items()}
    broken = dataclasses.replace(weights, layers=layers)
    path = bundle.networks[backend]
    if backend == "numpy":
        write_safetensors(broken, path)
    else:
        write_onnx(broken, path)
    write_bundle(bundle)
    with (
        Transcriber(bundle.folder, backend=backend, decoder="greedy") as transcriber,
        pytest.raises(ModelError) as caught,
    ):
        list(transcriber.transcribe(SAMPLE))
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_one_value_that_is_no_number_is_enough(value: float, tmp_path: Path) -> None:
    weights = random_weights(8)
    layers = {name: array.copy() for name, array in weights.layers.items()}
    layers["layer_6/bias"][3] = value
    broken = dataclasses.replace(weights, layers=layers)
    write_onnx(broken, tmp_path / "a.onnx")
    window = np.zeros((1, 16, 19, 26), np.float32)
    for model in (NumpyAcousticModel(broken, 16), OnnxAcousticModel(tmp_path / "a.onnx")):
        if value == -np.inf:  # a probability of 0, which is a number
            model.infer(window, 16, model.initial_state())
            continue
        with pytest.raises(ModelError, match="not numbers"):
            model.infer(window, 16, model.initial_state())


def two_character_labels() -> list[str]:
    return [label if label == " " else label + label.upper() for label in LABELS]


def test_labels_of_several_characters_work_with_the_greedy_decoder(tmp_path: Path) -> None:
    bundle = make_tiny_bundle(tmp_path / "tiny", n_hidden=8)
    write_alphabet(bundle.alphabet_path, Alphabet(two_character_labels()))
    write_bundle(bundle)
    with Transcriber(bundle.folder, decoder="greedy") as transcriber:
        events = list(transcriber.transcribe(SAMPLE))
    assert any(isinstance(event, Final) for event in events)


def test_a_word_of_such_labels_has_a_frame_for_each_character() -> None:
    alphabet = Alphabet([" ", "ab", "a", "bc"])
    decoder = create_decoder("greedy", alphabet)
    frames = np.full((8, 5), 0.01, np.float32)
    for frame, label in enumerate([4, 1, 1, 0, 2, 3, 4, 0]):
        frames[frame, label] = 0.9
    decoder.feed(frames)
    found = decoder.finish()
    assert found.text == "ab abc"
    assert [(word.word, word.start_frame) for word in found.words] == [("ab", 1), ("abc", 4)]


def test_such_labels_spell_what_can_be_spelled() -> None:
    alphabet = Alphabet([" ", "ab", "a", "bc", "c"])
    assert alphabet.decode(alphabet.encode("abc ab")) == "abc ab"
    assert alphabet.can_spell("abcab") and not alphabet.can_spell("b")
    with pytest.raises(ModelError, match="cannot spell"):
        alphabet.encode("ba")


@pytest.mark.parametrize("character", ["\x1b", "\x07", "\x9b", "\x00", "\u202e", "\u2066", "\t"])
def test_an_alphabet_that_controls_the_terminal_is_refused(
    character: str, tiny: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "tiny"
    shutil.copytree(tiny, folder)
    labels = (folder / "alphabet.txt").read_text().replace("a", f"a{character}", 1)
    (folder / "alphabet.txt").write_text(labels)
    write_bundle(load_bundle(folder))
    with pytest.raises(StreamerError) as caught:
        load_model(ModelChoice(folder, decoder="greedy"))
    assert character not in str(caught.value) and "\n" not in str(caught.value)


def test_a_scorer_without_hashes_of_its_words_is_one_line(tiny: Path, tmp_path: Path) -> None:
    from streamer.decoding.language.kenlm_file import read_kenlm_header
    from streamer.decoding.scorer.package import read_scorer

    path = tmp_path / "none.scorer"
    data = bytearray((tiny / "tiny.scorer").read_bytes())
    start = read_kenlm_header(memoryview(data)).start
    data[start : start + 8] = bytes(8)
    path.write_bytes(data)
    with pytest.raises(ModelError, match="damaged"):
        read_scorer(path)


def test_a_front_end_without_a_number_for_its_pre_emphasis_is_refused() -> None:
    from streamer.errors import ModelError
    from streamer.features import create_front_end

    with pytest.raises(ModelError, match="front end python_speech_features"):
        create_front_end({"kind": "python_speech_features", "pre_emphasis": None})
