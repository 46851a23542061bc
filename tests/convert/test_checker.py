"""Core ML models, written and evaluated without a Mac, compared with the reference."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamer.acoustic.numpy_model import NumpyAcousticModel
from streamer.convert.check.checker import check_model
from streamer.convert.check.factory import create_evaluator
from streamer.convert.check.stored_precision import program_operations, stored_precision
from streamer.convert.coreml import open_model, write_coreml
from streamer.convert.coreml.palette import cluster
from streamer.convert.coreml.writer import model_path
from streamer.convert.options import PRECISIONS
from streamer.convert.writers.safetensors import write_safetensors
from streamer.errors import ConversionError
from tests.support.models.bundles import random_weights
from tests.support.models.coreml_models import (
    drop,
    edit_program,
    speech_like,
    swap_gates,
    with_clip,
    with_layer,
)

pytest.importorskip("coremltools", reason="coremltools is not installed")

SPEECH = speech_like()
WEIGHTS = random_weights(32)
# Networks with one error each.
DAMAGES = {
    "gates": lambda: with_layer(WEIGHTS, "lstm/kernel", swap_gates),
    "clip": lambda: with_clip(WEIGHTS, 10.0),
    "bias": lambda: with_layer(WEIGHTS, "layer_2/bias", drop),
    "last bias": lambda: with_layer(WEIGHTS, "layer_6/bias", drop),
    "lstm bias": lambda: with_layer(WEIGHTS, "lstm/bias", drop),
}


def write(folder: Path, weights: Any = WEIGHTS, **arguments: Any) -> Path:
    path = model_path(folder, "model", arguments.get("format", "mlprogram"))
    return write_coreml(weights, path, **arguments)


@pytest.mark.slow
@pytest.mark.parametrize("shape", ["lstm", "unrolled", "stateful"])
@pytest.mark.parametrize("precision", PRECISIONS)
def test_each_shape_computes_the_network_in_each_precision(
    tmp_path: Path, shape: str, precision: str
) -> None:
    path = write(tmp_path, steps=4, shape=shape, precision=precision)
    report = check_model(path, WEIGHTS, SPEECH)
    assert report.passed, report.differences
    # The states of a stateful model are always float16.
    stored = "fp16" if shape == "stateful" and precision == "fp32" else precision
    assert report.precision == stored_precision(open_model(path)) == stored
    assert report.windows > 15


@pytest.mark.slow
@pytest.mark.parametrize("precision", PRECISIONS)
def test_the_older_format_computes_the_network_too(tmp_path: Path, precision: str) -> None:
    for shape in ("lstm", "unrolled"):
        path = write(tmp_path, steps=4, shape=shape, precision=precision, format="neuralnetwork")
        report = check_model(path, WEIGHTS, SPEECH)
        assert report.passed, report.differences
        assert (report.kind, report.precision) == ("neuralnetwork", precision)


@pytest.mark.parametrize("flexible", [False, True])
def test_what_a_palette_costs_a_saturated_network_is_not_an_error(
    tmp_path: Path, flexible: bool
) -> None:
    """On the loud window, 64 values for each matrix change probabilities by 0.5 in this network."""
    weights = random_weights(16)
    path = write(tmp_path, weights, precision="palette6", format="neuralnetwork", flexible=flexible)
    report = check_model(path, weights, SPEECH)
    assert report.passed, report.differences
    loud = next(d for d in report.differences if (d.stream, d.output) == ("loud", "logits"))
    assert 0.4 < loud.error < loud.tolerance < 1.1 * loud.error


@pytest.mark.slow
@pytest.mark.parametrize("steps", [1, 2, 16, 64])
def test_any_number_of_steps_makes_the_same_network(tmp_path: Path, steps: int) -> None:
    recording = speech_like(3.5) if steps == 64 else SPEECH
    for shape in ("lstm", "unrolled"):
        report = check_model(write(tmp_path, steps=steps, shape=shape), WEIGHTS, recording)
        assert report.passed, report.differences
        assert report.steps == steps


@pytest.mark.parametrize("shape", ["lstm", "unrolled"])
def test_with_input_lengths_the_probabilities_are_the_same(tmp_path: Path, shape: str) -> None:
    path = write(tmp_path, shape=shape)
    assert "input_lengths" not in [feature.name for feature in open_model(path).inputs]
    path = write(tmp_path, shape=shape, lengths=True)
    assert "input_lengths" in [feature.name for feature in open_model(path).inputs]
    assert check_model(path, WEIGHTS, SPEECH).passed


@pytest.mark.parametrize("form", ["mlprogram", "neuralnetwork"])
def test_letters_and_phonemes_are_heard_side_by_side(tmp_path: Path, form: str) -> None:
    weights = random_weights(24, description={"n_phonemes": 9})
    for shape in ("lstm", "unrolled"):
        path = write(tmp_path, weights, shape=shape, format=form)
        report = check_model(path, weights, SPEECH)
        assert report.passed, report.differences
        # The check would notice one softmax over all outputs.
        assert not check_model(path, random_weights(24), SPEECH).passed


def test_other_geometries_and_a_forget_bias_survive(tmp_path: Path) -> None:
    described = {"forget_bias": 1.0, "relu_clip": 6.0}
    weights = random_weights(24, n_labels=33, n_context=4, description=described)
    for shape in ("lstm", "unrolled", "stateful"):
        path = write(tmp_path, weights, shape=shape, steps=3)
        assert check_model(path, weights, SPEECH).passed


@pytest.mark.parametrize("shape", ["lstm", "unrolled"])
def test_states_after_a_short_window_are_those_after_its_last_real_step(
    tmp_path: Path, shape: str
) -> None:
    reference = NumpyAcousticModel(WEIGHTS, dtype=np.float64)
    model = create_evaluator(open_model(write(tmp_path, shape=shape, steps=8, lengths=True)))
    random = np.random.default_rng(3)
    c, h = random.standard_normal((2, 1, 32)).astype(np.float32)
    # After the last real step comes noise, louder than any speech.
    window = 300 * random.standard_normal((1, 8, 19, 26)).astype(np.float32)
    for n in range(1, 9):
        found = model.predict(
            {
                "input_node": window,
                "input_lengths": np.array([n], np.int32),
                "previous_state_c": c,
                "previous_state_h": h,
            }
        )
        truth, (new_c, new_h) = reference.forward(window, n, (c, h))
        assert np.abs(found["logits"][:n, 0] - truth).max() < 1e-4
        assert np.abs(found["new_state_c"] - new_c).max() < 1e-4
        assert np.abs(found["new_state_h"] - new_h).max() < 1e-4


@pytest.mark.slow
@pytest.mark.parametrize("damage", sorted(DAMAGES))
@pytest.mark.parametrize("precision", PRECISIONS)
def test_a_damaged_network_is_found_out_in_every_precision(
    tmp_path: Path, damage: str, precision: str
) -> None:
    # The older format shares the checks: its arithmetic is tested in the first and last precision.
    older = ("neuralnetwork",) if precision in ("fp32", "palette4") else ()
    for form in ("mlprogram", *older):
        path = write(tmp_path, DAMAGES[damage](), steps=8, precision=precision, format=form)
        assert not check_model(path, WEIGHTS, SPEECH).passed, form


def test_a_bound_changed_inside_the_file_is_found_out(tmp_path: Path) -> None:
    path = write(tmp_path, precision="fp16")
    assert check_model(path, WEIGHTS, SPEECH).passed

    def change(block: Any) -> None:
        bounds = {
            argument.name
            for operation in block.operations
            if operation.type == "clip"
            for argument in operation.inputs["beta"].arguments
        }
        for operation in block.operations:
            if operation.type == "const" and operation.outputs[0].name in bounds:
                value = operation.attributes["val"].immediateValue.tensor.bytes
                if np.frombuffer(value.values, np.float16) == 20:
                    value.values = np.float16(19).tobytes()

    edit_program(path, change)
    assert not check_model(path, WEIGHTS, SPEECH).passed


def test_gates_exchanged_inside_the_file_are_found_out(tmp_path: Path) -> None:
    path = write(tmp_path, shape="unrolled", steps=2)

    def change(block: Any) -> None:
        gates = next(o for o in block.operations if o.type == "split" and len(o.outputs) == 3)
        first, second = gates.outputs[0].name, gates.outputs[1].name
        gates.outputs[0].name, gates.outputs[1].name = second, first

    edit_program(path, change)
    assert not check_model(path, WEIGHTS, SPEECH).passed


def test_an_unknown_operation_is_an_error_and_never_a_pass(tmp_path: Path) -> None:
    path = write(tmp_path)

    def change(block: Any) -> None:
        for operation in block.operations:
            if operation.type == "softmax":
                operation.type = "softsign"

    edit_program(path, change)
    with pytest.raises(ConversionError, match="softsign"):
        check_model(path, WEIGHTS, SPEECH)


def test_an_unknown_layer_is_an_error_and_never_a_pass(tmp_path: Path) -> None:
    path = write(tmp_path, format="neuralnetwork")
    from coremltools.proto import Model_pb2

    spec = Model_pb2.Model()
    spec.ParseFromString(path.read_bytes())
    layer = next(x for x in spec.neuralNetwork.layers if x.WhichOneof("layer") == "softmaxND")
    layer.erf.SetInParent()
    path.write_bytes(spec.SerializeToString())
    with pytest.raises(ConversionError, match="erf"):
        check_model(path, WEIGHTS, SPEECH)


def test_a_missing_output_is_an_error(tmp_path: Path) -> None:
    path = write(tmp_path)

    def change(block: Any) -> None:
        del block.operations[-1]

    edit_program(path, change)
    with pytest.raises(ConversionError, match="never computed"):
        check_model(path, WEIGHTS, SPEECH)


def test_another_network_than_the_reference_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConversionError, match="--reference"):
        check_model(write(tmp_path), random_weights(16), SPEECH)


def test_damaged_packages_are_one_line_errors(tmp_path: Path) -> None:
    whole = write(tmp_path / "whole", precision="palette4")
    weights = next(whole.rglob("weight.bin"))
    spec = next(whole.rglob("*.mlmodel"))
    damages: tuple[tuple[Path, bytes], ...] = (
        (weights, b""),
        (weights, weights.read_bytes()[: weights.stat().st_size // 2]),
        (weights, bytes(weights.stat().st_size)),
        (spec, b""),
        (spec, spec.read_bytes()[:500]),
        (spec, b"\xff" * 2000),
        (whole / "Manifest.json", b"{"),
        (whole / "Manifest.json", b'{"itemInfoEntries": 3}'),
        (
            whole / "Manifest.json",
            b'{"itemInfoEntries": {"a": {"path": "../../../etc/passwd"}}, '
            b'"rootModelIdentifier": "a"}',
        ),
    )
    for k, (file, content) in enumerate(damages):
        copy = tmp_path / f"{k}.mlpackage"
        shutil.copytree(whole, copy)
        (copy / file.relative_to(whole)).write_bytes(content)
        with pytest.raises(ConversionError) as error:
            check_model(copy, WEIGHTS, SPEECH)
        assert "\n" not in str(error.value)


def test_a_weight_file_outside_the_package_is_not_read(tmp_path: Path) -> None:
    path = write(tmp_path)

    def change(block: Any) -> None:
        for operation in block.operations:
            value = operation.attributes["val"] if operation.type == "const" else None
            if value is not None and value.WhichOneof("value") == "blobFileValue":
                value.blobFileValue.fileName = "@model_path/../../../../outside.bin"

    edit_program(path, change)
    (tmp_path / "outside.bin").write_bytes(bytes(1 << 20))
    with pytest.raises(ConversionError, match=r"outside the package|missing"):
        check_model(path, WEIGHTS, SPEECH)


@settings(max_examples=40, deadline=None)
@given(place=st.floats(0, 1), bits=st.integers(1, 255))
def test_no_changed_byte_of_a_specification_crashes_the_checker(
    tmp_path_factory: pytest.TempPathFactory, place: float, bits: int
) -> None:
    path = _pristine(tmp_path_factory)
    spec = next(path.rglob("*.mlmodel"))
    content = bytearray(spec.read_bytes())
    try:
        changed = bytearray(content)
        changed[int(place * (len(content) - 1))] ^= bits
        spec.write_bytes(changed)
        try:
            check_model(path, WEIGHTS, SPEECH)
        except ConversionError as error:
            assert "\n" not in str(error)
    finally:
        spec.write_bytes(content)


def _pristine(factory: pytest.TempPathFactory) -> Path:
    path = factory.getbasetemp() / "pristine" / "model.mlpackage"
    return path if path.exists() else write(path.parent, steps=2)


def test_the_unrolled_network_has_nothing_that_leaves_the_neural_engine(tmp_path: Path) -> None:
    spec = open_model(write(tmp_path, shape="unrolled", precision="fp16")).spec
    kinds = {operation.type for operation in program_operations(spec)} - {"const"}
    assert not kinds & {"while_loop", "gather", "gather_nd", "scatter", "lstm"}
    for operation in program_operations(spec):
        if operation.type in ("conv", "sigmoid", "tanh", "mul", "add"):
            assert len(operation.outputs[0].type.tensorType.dimensions) == 4
    convolutions = [o for o in program_operations(spec) if o.type == "conv"]
    # Five layers, the inputs of all steps at once, and one a step.
    assert len(convolutions) == 5 + 1 + 16


def test_a_model_says_what_it_is(tmp_path: Path) -> None:
    description = {**WEIGHTS.description, "author": "us", "licence": "MIT", "version": "3"}
    weights = dataclasses.replace(WEIGHTS, description=description)
    model = open_model(write(tmp_path, weights, steps=8, shape="unrolled", precision="int8"))
    about = model.metadata
    assert (about["author"], about["licence"], about["version"]) == ("us", "MIT", "3")
    assert (about["streamer.steps"], about["streamer.shape"]) == ("8", "unrolled")
    assert '"a", "b"' in about["streamer.alphabet"]
    assert {f.name: f.dtype for f in model.inputs} == {
        "input_node": "float16",
        "previous_state_c": "float32",
        "previous_state_h": "float32",
    }
    assert {f.name: f.dtype for f in model.outputs} == {
        "logits": "float16",
        "new_state_c": "float32",
        "new_state_h": "float32",
    }


@pytest.mark.parametrize("shape", ["unrolled", "stateful"])
def test_each_input_output_and_state_is_described(tmp_path: Path, shape: str) -> None:
    path = write(tmp_path, shape=shape, steps=2, lengths=True, precision="fp16")
    description = open_model(path).spec.description
    for port in (*description.input, *description.output, *description.state):
        assert len(port.shortDescription) > 30, port.name


def test_a_step_has_eleven_operations_and_reads_the_recurrent_matrix_once(tmp_path: Path) -> None:
    def operations(steps: int) -> list[Any]:
        path = write(tmp_path, shape="unrolled", precision="fp16", steps=steps)
        return [o for o in program_operations(open_model(path).spec) if o.type != "const"]

    few, many = operations(4), operations(8)
    assert len(many) - len(few) == 4 * 11
    weights = [o.inputs["weight"].arguments[0].name for o in many if o.type == "conv"]
    # Six matrices, one of them once for each of the eight steps.
    assert sorted(weights.count(name) for name in set(weights)) == [1] * 6 + [8]


def test_palettes_belong_to_groups_of_channels_and_two_layers_stay_exact(tmp_path: Path) -> None:
    path = write(tmp_path, random_weights(64), precision="palette4", steps=2)
    palettes = [
        o for o in program_operations(open_model(path).spec) if o.type == "constexpr_lut_to_dense"
    ]
    assert len(palettes) == 5  # layers 2, 3 and 5, and both halves of the LSTM's kernel
    shapes = {_shape_of(o, "lut") for o in palettes}
    assert shapes == {(8, 1, 1, 1, 16, 1), (32, 1, 1, 1, 16, 1)}


def _shape_of(operation: Any, name: str) -> tuple[int, ...]:
    argument = operation.inputs[name].arguments[0]
    kind = argument.value.type.tensorType
    return tuple(int(d.constant.size) for d in kind.dimensions)


@pytest.mark.slow
def test_models_get_smaller_with_their_precision(tmp_path: Path) -> None:
    weights = random_weights(128)
    sizes = []
    for precision in PRECISIONS:
        path = write(tmp_path, weights, precision=precision)
        sizes.append(sum(f.stat().st_size for f in path.rglob("*") if f.is_file()))
    assert sizes == sorted(sizes, reverse=True)
    # The first and the last layer, a quarter of this small network, stay float16.
    assert sizes[1] < 0.6 * sizes[0] and sizes[4] < 0.3 * sizes[0]


@pytest.mark.parametrize(
    "wrong",
    [
        {"steps": 0},
        {"steps": 65},
        {"shape": "round"},
        {"precision": "fp8"},
        {"format": "tflite"},
        {"format": "neuralnetwork", "shape": "stateful"},
    ],
)
def test_what_cannot_be_written_is_refused(tmp_path: Path, wrong: Any) -> None:
    suffix = ".mlmodel" if wrong.get("format") == "neuralnetwork" else ".mlpackage"
    with pytest.raises(ConversionError):
        write_coreml(WEIGHTS, tmp_path / f"model{suffix}", **wrong)
    assert not list(tmp_path.iterdir())


@settings(max_examples=20, deadline=None)
@given(bits=st.integers(1, 8), seed=st.integers(0, 1000), size=st.integers(1, 400))
def test_a_palette_gives_each_weight_its_nearest_value(bits: int, seed: int, size: int) -> None:
    weights = np.random.default_rng(seed).standard_normal(size).astype(np.float32)
    table, indices = cluster(bits, weights)
    assert len(table) == 2**bits and indices.shape == (size,)
    half = weights.astype(np.float16).astype(np.float64)
    distances = np.abs(half[:, None] - table.astype(np.float64)[None])
    assert np.allclose(distances[np.arange(size), indices], distances.min(axis=1))


def run(*arguments: str) -> int:
    from streamer.cli.app import run as run_command

    return run_command(list(arguments))


def test_the_command_finds_reference_and_says_how_it_went(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import soundfile

    soundfile.write(tmp_path / "talk.wav", SPEECH, 16000)
    model = write(tmp_path, precision="fp16")
    audio = ["--audio", str(tmp_path / "talk.wav")]
    assert run("check", str(model), *audio) == 1
    assert "--reference" in capsys.readouterr().err
    write_safetensors(WEIGHTS, tmp_path / "model.safetensors")
    assert run("check", str(model), *audio) == 0
    out = capsys.readouterr().out
    assert "new_state_c" in out and "WRONG" not in out
    write(tmp_path, with_layer(WEIGHTS, "layer_3/bias", drop), precision="fp16")
    assert run("check", str(model), *audio) == 1
    assert "WRONG" in capsys.readouterr().out


def test_the_table_has_a_line_for_each_precision(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import soundfile

    write_safetensors(WEIGHTS, tmp_path / "net.safetensors")
    soundfile.write(tmp_path / "talk.wav", SPEECH, 16000)
    (tmp_path / "talk.txt").write_text("a b c\n", encoding="utf-8")
    code = run(
        "precisions",
        str(tmp_path / "net.safetensors"),
        *("--audio", str(tmp_path / "talk.wav"), "--samples", str(tmp_path)),
        *("--precision", "fp32", "--precision", "palette4", "--steps", "4"),
    )
    lines = capsys.readouterr().out.splitlines()
    assert code == 0
    assert [line.split()[0] for line in lines[2:]] == ["fp32", "palette4"]
    assert all(line.split()[5] == "ok" and line.endswith("%") for line in lines[2:])
