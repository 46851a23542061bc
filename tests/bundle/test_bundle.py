"""Bundles: every value is checked, and errors are one line."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any, Callable

import numpy as np
import pytest

import streamer.bundle.location
from streamer.bundle import load_bundle, read_bundle, validation, write_bundle
from streamer.decoding.lexicon.leaves import write_leaves
from streamer.errors import ModelError
from streamer.models.backends import load_acoustic_model
from tests.support.leaves import random_leaves, untied
from tests.support.models.bundles import make_tiny_bundle, random_weights


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bundle") / "tiny"
    make_tiny_bundle(folder)
    return folder


def changed(tiny: Path, folder: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    """A copy of the bundle with another model.json; the files are links."""
    folder.mkdir()
    for file in tiny.iterdir():
        if file.name != "model.json":
            (folder / file.name).write_bytes(file.read_bytes())
    contents = json.loads((tiny / "model.json").read_text(encoding="utf-8"))
    change(contents)
    (folder / "model.json").write_text(json.dumps(contents), encoding="utf-8")
    return folder


def refused(folder: Any) -> str:
    with pytest.raises(ModelError) as caught:
        load_bundle(folder)
    message = str(caught.value)
    assert "\n" not in message and " - " in message
    return message


def test_a_bundle_is_found_by_folder_by_text_and_by_its_file(tiny: Path) -> None:
    for name in (tiny, str(tiny), tiny / "model.json"):
        bundle = load_bundle(name)
        assert (bundle.name, bundle.n_hidden, bundle.n_labels) == ("tiny", 32, 29)
        assert bundle.alphabet_path.is_file()
        assert bundle.decoding["beam"] == 16


def test_an_installed_bundle_is_found_by_name(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streamer.bundle.location, "models_folder", lambda: tmp_path)
    (tmp_path / "mine").symlink_to(tiny, target_is_directory=True)
    assert load_bundle("mine").name == "tiny"


def test_every_backend_gives_the_same_probabilities(tiny: Path) -> None:
    bundle = load_bundle(tiny)
    window = np.random.default_rng(0).standard_normal((1, 16, 19, 26)).astype(np.float32) * 9
    answers = {}
    for kind in bundle.networks:
        model = load_acoustic_model(bundle, kind)
        assert model.backend == kind.split("-")[0]
        answers[kind], _ = model.infer(window, 16, model.initial_state())
    np.testing.assert_allclose(answers["onnx"], answers["numpy"], atol=1e-5)
    np.testing.assert_allclose(answers["onnx-int8"], answers["numpy"], atol=0.05)


def test_auto_means_core_ml_on_a_mac_and_onnx_elsewhere(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def with_core_ml(contents: dict[str, Any]) -> None:
        contents["networks"]["coreml"] = "tiny.onnx"

    bundle = load_bundle(changed(tiny, tmp_path / "b", with_core_ml))
    monkeypatch.setattr("sys.platform", "darwin")
    assert bundle.choose_network()[0] == "coreml"
    assert load_bundle(tiny).choose_network()[0] == "onnx"
    monkeypatch.setattr("sys.platform", "linux")
    assert bundle.choose_network()[0] == "onnx"


def test_a_backend_is_any_network_of_its_family(tiny: Path, tmp_path: Path) -> None:
    def only_int8(contents: dict[str, Any]) -> None:
        contents["networks"] = {"onnx-int8": "tiny.int8.onnx"}

    bundle = load_bundle(changed(tiny, tmp_path / "b", only_int8))
    assert bundle.choose_network("onnx")[0] == "onnx-int8"
    with pytest.raises(ModelError, match="no network for backend numpy"):
        bundle.choose_network("numpy")


def test_the_front_end_is_the_described_one(tiny: Path, tmp_path: Path) -> None:
    assert load_bundle(tiny).front_end().n_coefficients == 26

    def thirteen(contents: dict[str, Any]) -> None:
        contents["front_end"]["n_coefficients"] = 13

    with pytest.raises(ModelError, match="13 coefficients"):
        load_bundle(changed(tiny, tmp_path / "b", thirteen)).front_end()


@pytest.mark.parametrize("key", ["n_steps", "n_context", "n_input", "n_hidden", "n_labels"])
def test_a_network_of_other_shapes_is_refused(tiny: Path, tmp_path: Path, key: str) -> None:
    def other(contents: dict[str, Any]) -> None:
        contents[key] += 1

    bundle = load_bundle(changed(tiny, tmp_path / "b", other))
    with pytest.raises(ModelError, match=key):
        load_acoustic_model(bundle, "onnx")


def put(key: str, value: Any) -> Callable[[dict[str, Any]], None]:
    def change(contents: dict[str, Any]) -> None:
        target = contents
        *path, last = key.split("/")
        for part in path:
            target = target[part]
        target[last] = value

    return change


BROKEN = {
    "format of the future": put("format", 2),
    "no format": put("format", None),
    "name a number": put("name", 5),
    "n_steps zero": put("n_steps", 0),
    "n_steps true": put("n_steps", True),
    "n_steps text": put("n_steps", "16"),
    "n_steps huge": put("n_steps", 1 << 40),
    "front end missing": put("front_end", None),
    "front end of no steps": put("front_end/step_samples", 0),
    "front end of huge windows": put("front_end/window_samples", 1 << 40),
    "front end of many filters": put("front_end/n_filters", 10**6),
    "front end of text": put("front_end/n_coefficients", "26"),
    "n_context huge": put("n_context", 1 << 20),
    "networks empty": put("networks", {}),
    "networks a list": put("networks", ["tiny.onnx"]),
    "network of unknown kind": put("networks/gpu", "tiny.onnx"),
    "network missing": put("networks/onnx", "nothing.onnx"),
    "network a number": put("networks/onnx", 3),
    "network outside": put("networks/onnx", "../secret.onnx"),
    "network absolute": put("networks/onnx", "/etc/hostname"),
    "network the folder itself": put("networks/onnx", "."),
    "alphabet missing": put("alphabet", None),
    "alphabet outside": put("alphabet", "../../alphabet.txt"),
    "alphabet with a zero byte": put("alphabet", "a\0b"),
    "alphabet with a very long name": put("alphabet", "a" * 5000),
    "scorer missing": put("scorer", "nothing.scorer"),
    "scorer outside": put("scorer", "x/../../tiny.scorer"),
    "decoding a list": put("decoding", []),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_description_that_makes_no_sense_is_refused(
    tiny: Path, tmp_path: Path, case: str
) -> None:
    for outside in ("secret.onnx", "alphabet.txt", "tiny.scorer"):
        (tmp_path / outside).write_text("x")
    refused(changed(tiny, tmp_path / "b", BROKEN[case]))


def test_a_link_out_of_the_bundle_is_refused(tiny: Path, tmp_path: Path) -> None:
    folder = changed(tiny, tmp_path / "b", put("scorer", "link.scorer"))
    (tmp_path / "secret").write_text("x")
    (folder / "link.scorer").symlink_to(tmp_path / "secret")
    assert "outside" in refused(folder)


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"\xff\xfe", b"[" * 100_000, b" " * ((1 << 20) + 1), b'{"format": 1}'],
    ids=["empty", "cut", "a list", "not text", "deep", "long", "only a format"],
)
def test_a_model_json_that_is_none_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "model.json").write_bytes(content)
    refused(tmp_path)


def repr_short(name: str) -> str:
    return repr(name[:20])


@pytest.mark.parametrize(
    "name",
    ["no-such-model", "", "a\0b", "~no-such-user/x", "./nowhere", "x" * 5000, "x/" * 9000],
    ids=repr_short,
)
def test_a_model_that_is_not_there_is_one_line(name: str) -> None:
    refused(name)


def test_a_folder_without_model_json_is_refused(tmp_path: Path) -> None:
    assert "model.json" in refused(tmp_path)


def test_writing_a_bundle_gives_the_same_file_again(tiny: Path) -> None:
    before = (tiny / "model.json").read_bytes()
    assert write_bundle(load_bundle(tiny)) == load_bundle(tiny)
    assert (tiny / "model.json").read_bytes() == before


@pytest.mark.parametrize("file", ["missing.onnx", "../secret.onnx"])
def test_a_bundle_without_its_files_is_not_written(tiny: Path, tmp_path: Path, file: str) -> None:
    (tmp_path / "secret.onnx").write_text("x")
    (tmp_path / "b").mkdir()
    bundle = dataclasses.replace(
        load_bundle(tiny), folder=tmp_path / "b", alphabet_path=tmp_path / "b" / file
    )
    with pytest.raises(ModelError, match=r"no file|outside"):
        write_bundle(bundle)
    assert not (tmp_path / "b" / "model.json").exists()


def test_random_weights_differ_by_seed_and_keep_every_layer_alive(tiny: Path) -> None:
    one, other = random_weights(32, 0), random_weights(32, 1)
    assert not np.array_equal(one.layers["lstm/kernel"], other.layers["lstm/kernel"])
    model = load_acoustic_model(load_bundle(tiny), "numpy")
    window = np.random.default_rng(0).standard_normal((1, 16, 19, 26)).astype(np.float32) * 9
    probabilities, _ = model.infer(window, 16, model.initial_state())
    assert len(set(probabilities.argmax(axis=1))) > 3


def test_half_a_surrogate_pair_is_refused_when_read_and_when_written(
    tiny: Path, tmp_path: Path
) -> None:
    half = changed(tiny, tmp_path / "half", put("licence", "\ud800"))
    assert "surrogates" in refused(half)
    with pytest.raises(ModelError, match="is not text"):
        write_bundle(dataclasses.replace(load_bundle(tiny), licence="\udcfc"))
    assert read_bundle(tiny).licence == "none"


def test_more_networks_than_any_bundle_has_are_refused(tiny: Path, tmp_path: Path) -> None:
    def change(contents: dict[str, Any]) -> None:
        (name,) = set(contents["networks"].values()) & {contents["networks"]["onnx"]}
        contents["networks"].update({f"onnx-{n}": name for n in range(validation._MAX_NETWORKS)})

    assert "networks has" in refused(changed(tiny, tmp_path / "x", change))


def test_a_package_of_endless_files_is_refused(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = changed(tiny, tmp_path / "x", lambda c: c["networks"].update(coreml="a.mlpackage"))
    (folder / "a.mlpackage").mkdir()
    for name in "ab":
        (folder / "a.mlpackage" / name).touch()
    monkeypatch.setattr(validation, "_MAX_FILES", 1)
    assert "a.mlpackage has more than 1 files" in refused(folder)


def test_a_front_end_without_normalisation_may_say_so(tiny: Path, tmp_path: Path) -> None:
    def change(contents: dict[str, Any]) -> None:
        contents["front_end"]["normalisation"] = None

    assert load_bundle(changed(tiny, tmp_path / "x", change)).front_end().normalisation is None


def test_a_normalisation_of_other_coefficients_is_refused(tiny: Path, tmp_path: Path) -> None:
    def change(contents: dict[str, Any]) -> None:
        contents["front_end"]["normalisation"] = {
            "kind": "running", "mean": [0.0] * 3, "deviation": [1.0] * 3,
        }  # fmt: skip

    folder = changed(tiny, tmp_path / "x", change)
    with pytest.raises(ModelError, match="normalisation of 3 coefficients, there are 26"):
        load_bundle(folder).front_end()


def _with_leaves(folder: Path, text: bytes, n_phonemes: int) -> Path:
    make_tiny_bundle(folder, n_hidden=4)
    (folder / "leaves.txt").write_bytes(text)
    contents = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    contents.update(leaves="leaves.txt", n_phonemes=n_phonemes, n_labels=29 + n_phonemes)
    contents.pop("sha256", None)
    (folder / "model.json").write_text(json.dumps(contents), encoding="utf-8")
    return folder


def test_leaves_belong_to_a_bundle_and_its_sums(tmp_path: Path) -> None:
    leaves = random_leaves(np.random.default_rng(0), 39, 5)
    write_leaves(leaves, tmp_path / "leaves.txt")
    text = (tmp_path / "leaves.txt").read_bytes()
    bundle = load_bundle(_with_leaves(tmp_path / "tiny", text, len(leaves) + 1))
    assert bundle.leaves_path == tmp_path / "tiny" / "leaves.txt"
    assert "leaves.txt" in write_bundle(bundle).sums
    assert load_bundle(tmp_path / "tiny").leaves_path == bundle.leaves_path


def test_leaves_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    write_leaves(untied(39), tmp_path / "leaves.txt")
    text = (tmp_path / "leaves.txt").read_bytes()
    message = refused(_with_leaves(tmp_path / "other", text, 41))
    assert "leaves: 39 of them, n_phonemes is 41" in message
    message = refused(_with_leaves(tmp_path / "damaged", text[:-10], 40))
    assert "leaves" in message and "cannot be read" in message
    message = refused(_with_leaves(tmp_path / "long", b"streamer leaves 1\n" * 10_000, 40))
    assert "larger than" in message


def test_a_bundle_without_leaves_does_not_mention_them(tiny: Path) -> None:
    assert load_bundle(tiny).leaves_path is None
    assert "leaves" not in json.loads((tiny / "model.json").read_text(encoding="utf-8"))
