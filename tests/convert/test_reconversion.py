"""A bundle is converted again: new networks, everything else as it is."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from streamer.bundle import Bundle, bundled_folder, load_bundle, write_bundle
from streamer.cli.app import run
from streamer.convert import convert_to_bundle, read_network
from streamer.convert.writers.safetensors import write_safetensors
from streamer.errors import ConversionError, ModelError
from streamer.models.backends import load_acoustic_model
from tests.support.models.bundles import make_tiny_bundle, random_weights
from tests.support.models.coreml_models import speech_like

pytest.importorskip("coremltools", reason="coremltools is not installed")

from streamer.convert.check.checker import check_model
from streamer.convert.check.stored_precision import program_operations
from streamer.convert.coreml import open_model, write_coreml

LOOPS = {"lstm", "while_loop", "gather", "gather_nd", "scatter"}


@pytest.fixture
def rich(tmp_path: Path) -> Bundle:
    """A bundle with one of everything, and a Core ML network under the older name."""
    bundle = make_tiny_bundle(tmp_path / "rich", n_hidden=8)
    folder = bundle.folder
    (folder / "README.md").write_text("about it", encoding="utf-8")
    (folder / "tiny.lexicon.gz").write_bytes(b"pronunciations")
    (folder / "tiny.recurrent.safetensors").write_bytes(b"recurrent")
    (folder / "tiny.scorer").write_bytes(b"n-grams")
    old = write_coreml(random_weights(8), folder / "tiny.mlpackage", shape="lstm", precision="fp16")
    return write_bundle(
        dataclasses.replace(
            bundle,
            version="7",
            licence="CC0",
            networks={**bundle.networks, "coreml": old},
            scorer_path=folder / "tiny.scorer",
            lexicon_path=folder / "tiny.lexicon.gz",
            recurrent_path=folder / "tiny.recurrent.safetensors",
            decoding={"beam": 48, "lm_alpha": 0.75},
            measured={"dev_wer": 0.25},
        )
    )


def contents(folder: Path) -> dict[str, Any]:
    description: dict[str, Any] = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    return description


def without_core_ml(description: dict[str, Any]) -> dict[str, Any]:
    for key in ("networks", "sha256"):
        entries = description[key]
        description[key] = {
            name: value for name, value in entries.items()
            if not name.startswith("coreml") and ".mlpackage" not in name
        }  # fmt: skip
    return description


@pytest.mark.parametrize("in_place", [True, False])
def test_all_but_the_core_ml_network_stays_to_the_byte(
    rich: Bundle, tmp_path: Path, in_place: bool
) -> None:
    before = {p.name: p.read_bytes() for p in rich.folder.iterdir() if p.is_file()}
    described = without_core_ml(contents(rich.folder))
    out = rich.folder if in_place else tmp_path / "out"
    assert run(["convert", str(rich.folder), "-o", str(out)]) == 0
    del before["model.json"]
    for name, data in before.items():
        assert (out / name).read_bytes() == data
    assert without_core_ml(contents(out)) == described
    converted = load_bundle(out)
    assert converted.networks["coreml-unrolled"] == out / "tiny.mlpackage"
    assert "coreml" not in converted.networks  # its file has the unrolled network now
    package = open_model(out / "tiny.mlpackage")
    assert not {o.type for o in program_operations(package.spec)} & LOOPS
    assert (package.metadata["version"], package.metadata["licence"]) == ("7", "CC0")
    assert not list(out.glob(".*"))


def test_a_second_shape_is_added_to_the_first(rich: Bundle) -> None:
    folder = rich.folder
    for shape in ("unrolled", "lstm"):
        assert run(["convert", str(folder), "-o", str(folder), "--shape", shape]) == 0
    assert {kind for kind in load_bundle(folder).networks if kind.startswith("coreml")} == {
        "coreml-unrolled",
        "coreml-lstm",
    }


def test_another_number_of_steps_is_that_number_everywhere(rich: Bundle, tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    for out in (tmp_path / "out", rich.folder):
        bundle = convert_to_bundle(rich.folder, out, steps=8)
        assert bundle.n_steps == 8 and set(bundle.networks) == {
            "onnx", "onnx-int8", "numpy", "coreml-unrolled"
        }  # fmt: skip
        for kind in ("onnx", "onnx-int8", "numpy"):
            assert load_acoustic_model(bundle, kind).n_steps == 8
        package = open_model(bundle.networks["coreml-unrolled"])
        shapes = {feature.name: feature.shape for feature in package.inputs}
        assert shapes["input_node"] == (1, 8, 19, 26)
        assert package.metadata["streamer.steps"] == "8"


def test_the_written_network_is_that_of_the_bundle(rich: Bundle, tmp_path: Path) -> None:
    bundle = convert_to_bundle(rich.folder, tmp_path / "out", precision="fp32", name="other")
    assert bundle.name == "other"
    weights = read_network(bundle.networks["numpy"])
    assert check_model(bundle.networks["coreml-unrolled"], weights, speech_like()).passed


def test_a_changed_file_is_not_given_a_new_sum(rich: Bundle, tmp_path: Path) -> None:
    (rich.folder / "tiny.scorer").write_bytes(b"something else")
    with pytest.raises(ModelError, match="SHA-256"):
        convert_to_bundle(rich.folder, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_scorer_cannot_be_exchanged_on_the_way(rich: Bundle, tmp_path: Path) -> None:
    with pytest.raises(ConversionError, match="keeps its scorer"):
        convert_to_bundle(rich.folder, tmp_path / "out", scorer=rich.scorer_path)


def test_a_failure_in_place_leaves_the_bundle_as_it_was(
    rich: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: Any, **options: Any) -> None:
        raise ConversionError("no room", "free some space")

    before = {p: p.read_bytes() for p in rich.folder.rglob("*") if p.is_file()}
    monkeypatch.setattr("streamer.convert.coreml.writer.save_model", fail)
    with pytest.raises(ConversionError):
        convert_to_bundle(rich.folder, rich.folder)
    assert {p: p.read_bytes() for p in rich.folder.rglob("*") if p.is_file()} == before


def test_an_installed_bundle_gets_the_shape_that_was_asked_for(
    rich: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STREAMER_MODELS", str(tmp_path / "models"))
    arguments = ["models", "import", str(rich.folder), "--name", "mine"]
    assert run([*arguments, "--shape", "stateful"]) == 0
    installed = load_bundle("mine")
    assert "coreml-stateful" in installed.networks
    assert installed.decoding["beam"] == 48 and installed.licence == "CC0"


def test_an_imported_network_gets_the_shape_that_was_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STREAMER_MODELS", str(tmp_path / "models"))
    write_safetensors(random_weights(8), tmp_path / "net.safetensors")
    arguments = ["models", "import", str(tmp_path / "net.safetensors"), "--name", "net"]
    assert run([*arguments, "--shape", "lstm", "--shape", "unrolled"]) == 0
    kinds = set(load_bundle("net").networks)
    assert {"coreml-lstm", "coreml-unrolled"} <= kinds


def test_author_and_lengths_are_in_the_package(rich: Bundle, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert run(["convert", str(rich.folder), "-o", str(out), "--author", "us", "--lengths"]) == 0
    package = open_model(out / "tiny.mlpackage")
    assert package.metadata["author"] == load_bundle(out).author == contents(out)["author"] == "us"
    assert "input_lengths" in [feature.name for feature in package.inputs]
    assert "author" not in contents(rich.folder)  # an older bundle has none
    write_safetensors(random_weights(8), tmp_path / "net.safetensors")
    bundle = convert_to_bundle(
        tmp_path / "net.safetensors", tmp_path / "net", author="us", licence="MIT", steps=2
    )
    metadata = open_model(bundle.networks["coreml-unrolled"]).metadata
    assert (metadata["author"], metadata["licence"]) == (bundle.author, bundle.licence)
    assert (bundle.author, bundle.licence) == ("us", "MIT")


def probabilities(evaluator: Any, windows: Any, n_hidden: int) -> Any:
    """What an evaluated package says, its states passed on; float32 (frames, n_labels)."""
    c = h = np.zeros((1, n_hidden), np.float32)
    rows = []
    for window in windows:
        inputs = {"input_node": window.features, "previous_state_c": c, "previous_state_h": h}
        outputs = evaluator.predict(inputs)
        c, h = outputs["new_state_c"], outputs["new_state_h"]
        rows.append(outputs["logits"][: window.n, 0])
    return np.concatenate(rows)


def agreement(bundle: Bundle, ours: Any, exact: Any) -> float:
    """The least share of frames with the same best label, among letters and phonemes."""
    letters = bundle.n_labels - bundle.n_phonemes
    groups = (slice(0, letters), slice(letters, None))
    return min(float(np.mean(ours[:, g].argmax(1) == exact[:, g].argmax(1))) for g in groups)


@pytest.mark.slow
def test_the_bundled_model_converts_to_the_network_of_the_neural_engine(tmp_path: Path) -> None:
    """It equals the ONNX network on a hundred windows of speech, also with 16 values a palette."""
    from streamer.convert.check.check_inputs import find_recording, read_samples
    from streamer.convert.check.factory import create_evaluator
    from streamer.features import Framer

    source = load_bundle()
    bundle = convert_to_bundle(bundled_folder(), tmp_path / "out")
    assert without_core_ml(contents(bundle.folder)) == without_core_ml(contents(source.folder))
    package = open_model(bundle.networks["coreml-unrolled"])
    assert not {o.type for o in program_operations(package.spec)} & LOOPS
    assert package.metadata["version"] == source.version
    assert package.metadata["licence"] == source.licence
    framer = Framer(bundle.front_end(), bundle.n_steps, bundle.n_context)
    speech = read_samples(find_recording(), 16000, 60.0)
    speech = np.tile(speech, 1 + 102 * 5120 // len(speech))
    windows = [*framer.feed(speech)[:100], *framer.finish()]
    network = load_acoustic_model(source, "onnx")
    state, rows = network.initial_state(), []
    for window in windows:
        found, state = network.infer(window.features, window.n, state)
        rows.append(found.copy())
    exact = np.concatenate(rows)
    ours = probabilities(create_evaluator(package), windows, bundle.n_hidden)
    assert agreement(bundle, ours, exact) >= 0.995
    small = write_coreml(
        read_network(source.networks["numpy"]), tmp_path / "m.mlpackage", precision="palette4"
    )
    ours = probabilities(create_evaluator(open_model(small)), windows, bundle.n_hidden)
    assert agreement(bundle, ours, exact) >= 0.95


@pytest.mark.slow
def test_precisions_of_the_bundled_model(capsys: pytest.CaptureFixture[str]) -> None:
    """A network with phonemes beside its letters."""
    assert run(["precisions", "--precision", "fp16", "--steps", "8"]) == 0
    out = capsys.readouterr().out
    assert "unrolled, 8 steps" in out
    (row,) = [line for line in out.splitlines() if line.startswith("fp16")]
    assert " ok " in row and row.endswith("%") and float(row.split()[-1][:-1]) < 100
