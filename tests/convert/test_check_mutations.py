"""Each error of the table in docs/coreml.md is caught by ``check_model``."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest

from benchmarks.mutations import (
    Mutation,
    NotApplicableError,
    check_mutation,
    mutations,
    random_network,
)
from streamer.acoustic.numpy_model import NumpyAcousticModel
from streamer.bundle import write_bundle
from streamer.convert.check.check_inputs import read_reference
from streamer.convert.check.checker import check_model
from streamer.convert.check.evaluator import Constant
from streamer.convert.check.low_precision import quantised_matrix
from streamer.convert.check.stored_tensors import StoredTensors
from streamer.convert.check.structure import probe_state, probe_weights, probe_windows
from streamer.convert.coreml import write_coreml
from streamer.convert.writers.safetensors import write_safetensors
from streamer.errors import ConversionError
from tests.support.models.bundles import make_tiny_bundle, random_weights
from tests.support.models.coreml_models import speech_like, with_layer

pytest.importorskip("coremltools", reason="coremltools is not installed")

SPEECH = speech_like()
WEIGHTS = random_network()
STEPS = 4
#: Errors that once passed: too small for the run on audio, or out of its reach.
HIDDEN = (
    "layer_3 upper bound lost",
    "layer_5 upper bound lost",
    "layer_5 upper bound 1 % larger",
    "layer_1/bias zero",
    "layer_3/bias 1 % larger",
    "lstm/bias 1 % larger",
    "layer_6/bias 1 % larger",
    "layer_5/weights 1 % larger",
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("packages")


def clean_package(folder: Path, shape: str, precision: str) -> Path:
    """Return a package without an error; written once."""
    path = folder / f"{shape}-{precision}.mlpackage"
    return path if path.exists() else write_coreml(WEIGHTS, path, STEPS, shape, precision)


def uncaught(chosen: Iterable[Mutation], folder: Path, shape: str, precision: str) -> list[str]:
    """Return the names of the errors that pass."""
    clean = clean_package(folder, shape, precision)
    passed = []
    for mutation in chosen:
        try:
            if not check_mutation(mutation, clean, WEIGHTS, SPEECH, shape, precision):
                passed.append(mutation.name)
        except NotApplicableError:
            continue
    return passed


@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8"])
def test_errors_that_the_run_on_audio_cannot_see_are_caught(folder: Path, precision: str) -> None:
    assert check_model(clean_package(folder, "lstm", precision), WEIGHTS, SPEECH).passed
    chosen = [mutation for mutation in mutations() if mutation.name in HIDDEN]
    assert len(chosen) == len(HIDDEN)
    assert uncaught(chosen, folder, "lstm", precision) == []


#: All errors in each would take half an hour: `benchmarks/mutations.py` does that. Here each error
#: has its turn in one of these.
COMBINATIONS = [(s, p) for s in ("lstm", "unrolled") for p in ("fp32", "fp16", "int8")]


@pytest.mark.slow
@pytest.mark.parametrize("turn", range(len(COMBINATIONS)))
def test_every_error_is_caught(folder: Path, turn: int) -> None:
    chosen = list(mutations())[turn :: len(COMBINATIONS)]
    assert len(chosen) > 10
    assert uncaught(chosen, folder, *COMBINATIONS[turn]) == []


@pytest.mark.parametrize("n_hidden", [16, 80, 300])
def test_the_probe_drives_every_layer_over_both_bounds(n_hidden: int) -> None:
    probe = probe_weights(random_weights(n_hidden), 20.0)
    sums: dict[str, list[np.ndarray]] = {}

    class Recording(NumpyAcousticModel):
        def _dense(self, layer: str, x: np.ndarray) -> np.ndarray:
            result = super()._dense(layer, x)
            sums.setdefault(layer, []).append(result)
            return result

    model = Recording(probe, dtype=np.float64)
    state = probe_state(probe)
    for window, n in probe_windows(probe, 16):
        _, state = model.forward(window, n, state)
    for layer in ("layer_1", "layer_2", "layer_3", "layer_5"):
        found = np.concatenate(sums[layer])
        assert 0.05 < (found > 20).mean() < 0.6, layer
        assert 0.05 < (found < 0).mean() < 0.6, layer
        # Some of the units are on both sides of a bound within the same stream.
        assert ((found.min(axis=0) < 20) & (found.max(axis=0) > 20)).mean() > 0.1, layer
    probabilities = np.abs(state[1])
    assert 0.05 < probabilities.mean() < 0.95


def constants_of(weights: object, precision: str = "fp32") -> dict[str, Constant]:
    return {
        name: Constant(np.ascontiguousarray(array.T), precision)
        for name, array in weights.layers.items()  # type: ignore[attr-defined]
    }


def test_tensors_are_found_in_any_layout() -> None:
    weights = random_weights(24, description={"forget_bias": 1.0})
    n = 24
    kernel, bias = weights.layers["lstm/kernel"], weights.layers["lstm/bias"].copy()
    bias[2 * n : 3 * n] += 1
    constants = constants_of(weights)
    del constants["lstm/kernel"], constants["lstm/bias"]
    for k, (columns, gate) in enumerate(zip(np.split(kernel, 4, 1), np.split(bias, 4))):
        constants[f"input {k}"] = Constant(columns[:n].reshape(n, 1, n), "fp32")
        constants[f"recurrent {k}"] = Constant(columns[n:].T, "fp32")
        constants[f"bias {k}"] = Constant(gate, "fp32")
    stored = StoredTensors(constants, weights)
    assert stored.complete and set(stored.errors().values()) == {0.0}
    other = probe_weights(weights, 20.0)
    replaced = stored.replaced(other)
    assert np.array_equal(replaced["recurrent 2"].T, other.layers["lstm/kernel"][n:, 2 * n : 3 * n])
    forget = other.layers["lstm/bias"][2 * n : 3 * n].astype(np.float64)
    assert np.array_equal(replaced["bias 2"], forget + 1)
    assert np.array_equal(replaced["layer_1/weights"].T, other.layers["layer_1/weights"])


def test_a_second_copy_of_a_matrix_is_compared_as_well() -> None:
    weights = random_weights(24)
    constants = constants_of(weights)
    constants["copy"] = Constant(weights.layers["layer_2/weights"] * np.float32(1.001), "fp32")
    errors = StoredTensors(constants, weights).errors()
    assert errors["layer_2/weights"] > 100 and errors["layer_3/weights"] == 0


def test_a_palette_may_cost_an_output_with_large_weights_more_than_the_others() -> None:
    random = np.random.default_rng(0)
    recurrent = 0.05 * random.standard_normal((80, 320)).astype(np.float32)
    recurrent[::7, 3] = 3 * random.standard_normal(12)
    weights = with_layer(WEIGHTS, "lstm/kernel", lambda a: np.concatenate([a[:80], recurrent]))
    wanted = recurrent[:, :80]
    stored = quantised_matrix(wanted, "palette4")
    error = np.sqrt(np.mean((stored - wanted) ** 2, axis=0))
    assert error[3] > 4 * np.sqrt(np.mean((stored - wanted) ** 2))  # four times is usual at most
    assert StoredTensors({"0": Constant(stored, "palette4")}, weights).errors()["lstm/kernel"] > 1
    own = {
        str(k): Constant(quantised_matrix(part, "palette4"), "palette4")
        for k, part in enumerate(
            part
            for half in (weights.layers["lstm/kernel"][:80], recurrent)
            for part in np.split(half, 4, axis=1)
        )
    }
    assert StoredTensors(own, weights).errors()["lstm/kernel"] < 1


def test_a_tensor_that_is_not_there_has_an_infinite_error() -> None:
    weights = random_weights(24)
    constants = constants_of(weights)
    del constants["layer_5/bias"]
    stored = StoredTensors(constants, weights)
    assert not stored.complete and stored.errors()["layer_5/bias"] == float("inf")


def test_biases_of_zero_have_no_place_of_their_own_and_are_checked_by_running(
    tmp_path: Path,
) -> None:
    weights = with_layer(random_weights(24), "layer_2/bias", np.zeros_like)
    weights = with_layer(weights, "layer_3/bias", np.zeros_like)
    path = write_coreml(weights, tmp_path / "m.mlpackage", STEPS, "lstm", "fp16")
    report = check_model(path, weights, SPEECH)
    assert report.passed
    assert "layer_2/bias" not in {d.output for d in report.differences}
    wrong = with_layer(weights, "layer_3/bias", lambda bias: bias + np.float32(0.001))
    path = write_coreml(wrong, tmp_path / "w.mlpackage", STEPS, "lstm", "fp16")
    failed = [d.stream for d in check_model(path, weights, SPEECH).differences if not d.passed]
    assert "structure" in failed


def test_the_reference_has_the_front_end_of_the_bundle(tmp_path: Path) -> None:
    bundle = make_tiny_bundle(tmp_path / "tiny", n_hidden=16)
    model = bundle.folder / "tiny.mlpackage"
    _, weights = read_reference(model, None)
    assert weights.description["front_end"] == bundle.front_end().describe()
    # Trained without the normalisation that the bundle's features have.
    front_end = dict(bundle.front_end_description)
    moments = {"kind": "running", "mean": [0.0] * 26, "deviation": [1.0] * 26}
    write_bundle(
        dataclasses.replace(bundle, front_end_description={**front_end, "normalisation": moments})
    )
    _, normalised = read_reference(model, None)
    assert normalised.description["front_end"]["normalisation"]["mean"] == [0.0] * 26
    network = dataclasses.replace(
        weights, description={**weights.description, "front_end": front_end}
    )
    write_safetensors(network, tmp_path / "network.safetensors")
    with pytest.raises(ConversionError, match="normalisation of the front end differs"):
        read_reference(model, tmp_path / "network.safetensors")
