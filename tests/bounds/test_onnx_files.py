"""ONNX files that are more than a network are refused before they run, whatever they would do."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from streamer.acoustic.onnx_model import OnnxAcousticModel
from streamer.acoustic.onnx_rules import check_onnx
from streamer.convert.writers.onnx import write_onnx
from streamer.errors import ModelError
from tests.support.bounded import bounded
from tests.support.models.bundles import random_weights
from tests.support.paths import ROOT

onnx = pytest.importorskip("onnx")
make, from_array = onnx.helper.make_node, onnx.numpy_helper.from_array
FLOAT = onnx.TensorProto.FLOAT

Change = Callable[[Any], None]


def constant(model: Any, name: str, value: Any) -> str:
    model.graph.initializer.append(from_array(np.asarray(value), name))
    return name


def body(name: str) -> Any:
    info = onnx.helper.make_tensor_value_info
    identity = make("Identity", ["logits"], [name])
    return onnx.helper.make_graph([identity], "body", [], [info(name, FLOAT, None)])


def loops(model: Any) -> None:
    times = constant(model, "times", np.int64(1 << 60))
    go = constant(model, "go", np.array(True))
    info = onnx.helper.make_tensor_value_info
    inner = onnx.helper.make_graph(
        [make("Identity", ["go_in"], ["go_out"])], "body",
        [info("i", onnx.TensorProto.INT64, []), info("go_in", onnx.TensorProto.BOOL, [])],
        [info("go_out", onnx.TensorProto.BOOL, [])],
    )  # fmt: skip
    model.graph.node.append(make("Loop", [times, go], [], body=inner))


def branches(model: Any) -> None:
    which = constant(model, "which", np.array(True))
    model.graph.node.append(
        make("If", [which], ["x"], then_branch=body("a"), else_branch=body("b"))
    )


def scans(model: Any) -> None:
    model.graph.node.append(make("Scan", ["logits"], ["x"], body=body("a"), num_scan_inputs=1))


def hides_a_graph(model: Any) -> None:
    node = make("Identity", ["logits"], ["x"])
    node.attribute.append(onnx.helper.make_attribute("then_branch", body("a")))
    model.graph.node.append(node)


def fills(model: Any) -> None:
    shape = constant(model, "huge", np.array([1 << 40], np.int64))
    model.graph.node.append(make("ConstantOfShape", [shape], ["x"]))


def multiplies(model: Any) -> None:
    row = constant(model, "row", np.ones((1, 20_000), np.float32))
    column = constant(model, "column", np.ones((20_000, 1), np.float32))
    model.graph.node.append(make("MatMul", [column, row], ["x"]))


def broadcasts(model: Any) -> None:
    row = constant(model, "row", np.ones((1, 20_000), np.float32))
    column = constant(model, "column", np.ones((20_000, 1), np.float32))
    model.graph.node.append(make("Add", [column, row], ["x"]))


def doubles(model: Any) -> None:
    last = "logits"
    for i in range(40):
        model.graph.node.append(make("Concat", [last, last], [f"x{i}"], axis=0))
        last = f"x{i}"


def another_domain(model: Any) -> None:
    model.graph.node.append(make("Identity", ["logits"], ["x"], domain="org.example"))
    model.opset_import.append(onnx.helper.make_opsetid("org.example", 1))


def a_function(model: Any) -> None:
    function = onnx.helper.make_function(
        "org.example", "Relu", ["x"], ["y"], [make("Identity", ["x"], ["y"])],
        [onnx.helper.make_opsetid("", 13)],
    )  # fmt: skip
    model.functions.append(function)


def many_operations(model: Any) -> None:
    for i in range(1000):
        model.graph.node.append(make("Identity", ["logits"], [f"x{i}"]))


def larger_than_its_values(model: Any) -> None:
    tensor = model.graph.initializer.add()
    tensor.name, tensor.data_type = "huge", FLOAT
    tensor.dims.extend([1 << 20, 1 << 20])
    tensor.raw_data = b"\0" * 64


def a_computed_shape(model: Any) -> None:
    model.graph.node.append(make("Cast", ["logits"], ["shape"], to=onnx.TensorProto.INT64))
    model.graph.node.append(make("Reshape", ["logits", "shape"], ["x"]))


def values_elsewhere(location: str) -> Change:
    def change(model: Any) -> None:
        tensor = model.graph.initializer[0]
        tensor.ClearField("raw_data")
        tensor.data_location = onnx.TensorProto.EXTERNAL
        entry = tensor.external_data.add()
        entry.key, entry.value = "location", location

    return change


CHANGES: dict[str, Change] = {
    **{f.__name__: f for f in (loops, branches, scans, hides_a_graph, fills, multiplies, broadcasts,
                               doubles, another_domain, a_function, many_operations,
                               larger_than_its_values, a_computed_shape)},
    "absolute": values_elsewhere("/etc/passwd"),
    "above": values_elsewhere("../secret"),
    "device": values_elsewhere("/dev/zero"),
    "missing": values_elsewhere("nothing"),
}  # fmt: skip


def changed(folder: Path, change: Change) -> Path:
    path = folder / "a.onnx"
    write_onnx(random_weights(4), path, 4)
    model = onnx.load(str(path), load_external_data=False)
    change(model)
    path.write_bytes(model.SerializeToString())
    return path


@pytest.mark.parametrize("kind", CHANGES)
def test_it_is_refused_before_onnx_runtime_sees_it(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import onnxruntime

    (tmp_path / "secret").write_bytes(b"x" * 10_000)
    folder = tmp_path / "model"
    folder.mkdir()
    path = changed(folder, CHANGES[kind])
    monkeypatch.delattr(onnxruntime, "InferenceSession")
    with pytest.raises(ModelError) as caught:
        OnnxAcousticModel(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_values_in_a_file_beside_it_are_read(tmp_path: Path) -> None:
    path = changed(tmp_path, lambda model: None)
    plain = OnnxAcousticModel(path)
    model = onnx.load(str(path))
    onnx.save_model(
        model, str(path), save_as_external_data=True, location="a.data", size_threshold=1024
    )
    assert OnnxAcousticModel(path).n_labels == plain.n_labels


def test_our_own_networks_pass() -> None:
    for name in ("english.onnx", "english.int8.onnx"):
        check_onnx(ROOT / "assets" / "english" / name)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_a_file_of_nothing_but_fields_takes_little(tmp_path: Path) -> None:
    path = tmp_path / "a.onnx"
    path.write_bytes(b"\x3a\x80\x80\x80\x10" + b"\x0a\x00" * (16 << 20))
    said = bounded(
        "from streamer.acoustic.onnx_model import OnnxAcousticModel\nimport onnxruntime",
        f"OnnxAcousticModel({str(path)!r})",
        seconds=2.0,
        megabytes=150.0,
    )
    assert "cannot be loaded as an ONNX network" in said
