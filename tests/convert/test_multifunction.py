"""One package with a function for each number of steps, which share their weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("coremltools")

from streamer.acoustic.contract import LOGITS, NEW_C, NEW_H, input_arrays
from streamer.acoustic.coreml_model import CoreMLAcousticModel
from streamer.acoustic.numpy_model import NumpyAcousticModel
from streamer.bundle import load_bundle
from streamer.cli.app import run
from streamer.convert.check.checker import check_model
from streamer.convert.check.factory import create_evaluator
from streamer.convert.coreml import open_model, write_coreml
from streamer.convert.coreml.multifunction import write_multifunction
from streamer.convert.inspection.inspection import size_bytes
from streamer.models.own_networks import network_of_steps
from tests.acoustic.test_coreml_model import Runtime
from tests.support.models.bundles import random_weights
from tests.support.models.coreml_models import speech_like
from tests.support.models.graphs import memory_mapped

STEPS = (4, 8, 16)
NAMES = ("steps_4", "steps_8", "steps_16")


def probabilities(path: Path, function: str, windows: Any) -> Any:
    """Probabilities of 48 steps, in windows of the function's number, states passed on."""
    file = open_model(path, function)
    evaluator = create_evaluator(file)
    n_steps = file.inputs[0].shape[1]
    assert isinstance(n_steps, int)
    c = h = np.zeros((1, 32), np.float32)
    rows = []
    for start in range(0, windows.shape[1], n_steps):
        given = input_arrays(windows[:, start : start + n_steps], n_steps, c, h)
        names = [feature.name for feature in file.inputs]
        outputs = evaluator.predict({name: given[name] for name in names})
        c, h = outputs[NEW_C], outputs[NEW_H]
        rows.append(outputs[LOGITS].reshape(n_steps, -1))
    return np.concatenate(rows)


def test_each_function_agrees_with_the_others_and_the_reference(tmp_path: Path) -> None:
    weights = random_weights(32)
    path = write_multifunction(weights, tmp_path / "m.mlpackage", STEPS, precision="fp32")
    file = open_model(path)
    assert file.functions == NAMES and file.function == "steps_16"
    windows = (5 * np.random.default_rng(0).standard_normal((1, 48, 19, 26))).astype(np.float32)
    oracle = NumpyAcousticModel(weights, 48)
    expected, _ = oracle.infer(windows, 48, oracle.initial_state())
    for name in NAMES:
        np.testing.assert_allclose(probabilities(path, name, windows), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("precision", ["fp16", "int8", "palette6"])
def test_every_function_passes_the_check_and_weights_are_stored_once(
    tmp_path: Path, precision: str
) -> None:
    weights = random_weights(64)
    path = write_multifunction(weights, tmp_path / "m.mlpackage", STEPS, precision=precision)
    for name in NAMES:
        assert check_model(path, weights, speech_like(3.0), name).passed
    one = write_coreml(weights, tmp_path / "one.mlpackage", 16, precision=precision)
    stored = [next(package.rglob("weight*.bin")).stat().st_size for package in (path, one)]
    assert stored[0] < 1.1 * stored[1]
    assert size_bytes(path) < 2 * size_bytes(one)


def test_low_latency_runs_the_function_of_the_bundles_own_package(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("onnx")
    network = tmp_path / "n.pbmm"
    network.write_bytes(memory_mapped(random_weights(16)))
    out = tmp_path / "out"
    options = ["--steps", "4,16,8", "--name", "m", "--licence", "MPL-2.0"]
    assert run(["convert", str(network), "-o", str(out), *options]) == 0
    bundle = load_bundle(out)
    assert bundle.n_steps == 16
    path = bundle.networks["coreml-unrolled"]
    about = open_model(path).metadata
    assert (about["streamer.steps"], about["licence"]) == ("16", "MPL-2.0")
    assert network_of_steps(bundle, "coreml-unrolled", path, 4, tmp_path / "none") == path
    assert not (tmp_path / "none").exists()
    assert run(["check", str(path)]) == 0 and run(["inspect", str(path)]) == 0
    said = capsys.readouterr().out
    assert all(f"{n} steps)" in said for n in STEPS) and ", ".join(NAMES) in said
    for n_steps in (4, 16):
        runtime = Runtime()
        model = CoreMLAcousticModel(path, n_steps=n_steps, runtime=runtime, cache=tmp_path)
        assert model.n_steps == n_steps and runtime.functions == [f"steps_{n_steps}"]


def test_numbers_that_cannot_be_are_refused(tmp_path: Path) -> None:
    network = tmp_path / "n.pbmm"
    network.write_bytes(memory_mapped(random_weights(8)))
    for steps, code in (("4,many", 2), ("4,65", 1), ("0,4", 1)):
        out = tmp_path / "out"
        assert run(["convert", str(network), "-o", str(out), "--steps", steps]) == code
        assert not out.exists()
