"""The shapes of results are followed through a network's graph; where they fail, it is refused."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from streamer.acoustic.onnx_model import OnnxAcousticModel
from streamer.acoustic.onnx_rules import check_onnx
from streamer.errors import ModelError
from streamer.untrusted.damage import DamagedError

onnx = pytest.importorskip("onnx")
make = onnx.helper.make_node
FLOAT = onnx.TensorProto.FLOAT
Axes = Sequence[Any]


def value(name: str, shape: Axes) -> Any:
    return onnx.helper.make_tensor_value_info(name, FLOAT, shape)


def written(
    path: Path,
    nodes: list[Any],
    inputs: dict[str, Axes] | None = None,
    outputs: dict[str, Axes] | None = None,
    **constants: Any,
) -> Path:
    """Write a graph of operations on ``x``, a matrix of 3 by 4 unless other inputs are given."""
    graph = onnx.helper.make_graph(
        nodes,
        "graph",
        [value(name, shape) for name, shape in (inputs or {"x": [3, 4]}).items()],
        [value(name, shape) for name, shape in (outputs or {}).items()],
        [onnx.numpy_helper.from_array(np.asarray(c), name) for name, c in constants.items()],
    )
    # Versions that old releases of ONNX Runtime know, too.
    opset = onnx.helper.make_opsetid("", 13)
    model = onnx.helper.make_model(graph, ir_version=8, opset_imports=[opset])
    path.write_bytes(model.SerializeToString())
    return path


ROW = np.ones(4, np.float32)
CUBE = np.ones((2, 3, 4), np.float32)

REFUSED: dict[str, tuple[list[Any], dict[str, Any], str]] = {
    "nothing to do": ([], {}, "it has no operations"),
    "an unknown name": ([make("Relu", ["z"], ["y"])], {}, "reads what is not there"),
    "no operand": ([make("Relu", [], ["y"])], {}, "Relu has too few inputs"),
    "one factor": ([make("MatMul", ["x"], ["y"])], {}, "MatMul has too few inputs"),
    "a vector as a factor": (
        [make("MatMul", ["x", "row"], ["y"])], {"row": ROW}, "multiplies shapes (3, 4) and (4,)",
    ),
    "a stack in Gemm": (
        [make("Gemm", ["x", "cube"], ["y"])], {"cube": CUBE}, "Gemm multiplies shapes",
    ),
    "two free axes": (
        [make("Reshape", ["x", "to"], ["y"])], {"to": np.array([-1, -1])}, "a shape is (-1, -1)",
    ),
    "a negative axis": (
        [make("Reshape", ["x", "to"], ["y"])], {"to": np.array([-2])}, "a shape is (-2,)",
    ),
    "a stack turned": (
        [make("Transpose", ["cube"], ["y"])], {"cube": CUBE}, "transposes more than a matrix",
    ),
    "joined past the last axis": (
        [make("Concat", ["x", "x"], ["y"], axis=2)], {}, "joins the shapes ((3, 4), (3, 4))",
    ),
    "joined with a vector": (
        [make("Concat", ["x", "row"], ["y"], axis=0)], {"row": ROW}, "joins the shapes",
    ),
    "split past the last axis": (
        [make("Split", ["x"], ["a", "b"], axis=-3)], {}, "splits the shape (3, 4)",
    ),
    "an LSTM of a matrix": (
        [make("LSTM", ["x", "w", "w"], ["y"], hidden_size=2)],
        {"w": np.ones((1, 8, 4), np.float32)},
        "its LSTM reads shape (3, 4) and has 2 units",
    ),
    "an LSTM in three directions": (
        [make("LSTM", ["cube", "w", "w"], ["y"], hidden_size=2)],
        {"cube": CUBE, "w": np.ones((3, 8, 4), np.float32)},
        "its LSTM reads shape",
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", REFUSED)
def test_an_operation_that_cannot_be_is_refused(kind: str, tmp_path: Path) -> None:
    nodes, constants, message = REFUSED[kind]
    with pytest.raises(DamagedError) as caught:
        check_onnx(written(tmp_path / "a.onnx", nodes, **constants))
    assert message in str(caught.value)


FOLLOWED: dict[str, tuple[list[Any], dict[str, Any], str]] = {
    "Gemm": ([make("Gemm", ["x", "w"], ["y"])], {"w": np.ones((4, 2), np.float32)}, "(3, 2)"),
    "Gemm, both turned": (
        [make("Gemm", ["x", "w"], ["y"], transA=1, transB=1)],
        {"w": np.ones((2, 3), np.float32)},
        "(4, 2)",
    ),
    "an axis that is kept": (
        [make("Reshape", ["x", "to"], ["y"])], {"to": np.array([2, 0, -1])}, "(2, 4, 1)",
    ),
    "an axis of what is left": (
        [make("Reshape", ["x", "to"], ["y"])], {"to": np.array([6, -1])}, "(6, 2)",
    ),
    "an axis of what is left of nothing": (
        [make("Reshape", ["none", "to"], ["y"])],
        {"none": np.zeros((0, 4), np.float32), "to": np.array([0, -1])},
        "(0, 0)",
    ),
    "Transpose": ([make("Transpose", ["x"], ["y"])], {}, "(4, 3)"),
    "Concat": ([make("Concat", ["x", "x"], ["y"], axis=-1)], {}, "(3, 8)"),
    "Split": ([make("Split", ["x", "to"], ["z", "y"], axis=1)], {"to": np.array([1, 3])}, "(3, 3)"),
    # At most as large as the whole: ONNX Runtime refuses the file itself.
    "Split by other sizes": (
        [make("Split", ["x", "to"], ["z", "y"], axis=1)], {"to": np.array([9, 9])}, "(3, 4)",
    ),
    "Split without sizes": ([make("Split", ["x"], ["z", "y"], axis=1)], {}, "(3, 4)"),
}  # fmt: skip


@pytest.mark.parametrize("kind", FOLLOWED)
def test_the_shape_of_a_result_is_known(kind: str, tmp_path: Path) -> None:
    nodes, constants, shape = FOLLOWED[kind]
    check_onnx(written(tmp_path / "a.onnx", nodes, **constants))
    told = make("MatMul", ["y", "row"], [""])  # its refusal names the shapes
    with pytest.raises(DamagedError) as caught:
        check_onnx(written(tmp_path / "b.onnx", [*nodes, told], row=ROW, **constants))
    assert f"multiplies shapes {shape} and (4,)" in str(caught.value)


@pytest.mark.parametrize("where", ["output", "value_info"])
def test_a_result_has_the_axes_that_the_file_says(where: str, tmp_path: Path) -> None:
    def check(axes: Axes) -> None:
        path = written(tmp_path / "a.onnx", [make("Relu", ["x"], ["y"])])
        model = onnx.load(str(path))
        getattr(model.graph, where).append(value("y", axes))
        path.write_bytes(model.SerializeToString())
        check_onnx(path)

    check([3, 4])
    check(["any", 4])
    check(None)
    with pytest.raises(DamagedError, match="y is said to have 1 axes and has 2"):
        check([3])


def test_an_output_that_nothing_computes_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "a.onnx", [make("Relu", ["x"], ["y"])], outputs={"z": [3, 4]})
    with pytest.raises(DamagedError, match="its output z is never computed"):
        check_onnx(path)


def test_a_constant_is_no_larger_than_the_file_of_its_values(tmp_path: Path) -> None:
    path = written(tmp_path / "a.onnx", [make("Relu", ["w"], ["y"])], w=np.ones((9, 9), np.float32))
    model = onnx.load(str(path))
    onnx.save_model(
        model, str(path), save_as_external_data=True, location="a.data", size_threshold=0
    )
    check_onnx(path)
    (tmp_path / "a.data").write_bytes(b"\0" * 80)
    with pytest.raises(DamagedError, match="the constant w is larger than its file"):
        check_onnx(path)


STATE = {"previous_state_c": [1, 2], "previous_state_h": [1, 2]}
OTHER_NETWORKS: dict[str, tuple[dict[str, Axes], str]] = {
    "another input": ({"input_node": [1, 16, 3, 4], **STATE, "speaker": [1]}, "unknown input"),
    "no context": ({"input_node": [1, 16, 4], **STATE}, "input_node has shape"),
    "an even context": ({"input_node": [1, 16, 4, 4], **STATE}, "input_node has shape"),
    "a context of any length": ({"input_node": [1, 16, "w", 4], **STATE}, "input_node has"),
    "a state of one axis": (
        {"input_node": [1, 16, 3, 4], "previous_state_c": [2], "previous_state_h": [2]},
        "previous_state_c has shape",
    ),
    "states of two sizes": (
        {"input_node": [1, 16, 3, 4], "previous_state_c": [1, 2], "previous_state_h": [1, 3]},
        "previous_state_c has shape",
    ),
}


@pytest.mark.parametrize("kind", OTHER_NETWORKS)
def test_a_network_of_other_inputs_or_outputs_is_not_one_of_the_family(
    kind: str, tmp_path: Path
) -> None:
    inputs, message = OTHER_NETWORKS[kind]
    nodes = [
        make("Identity", [name], [output])
        for name, output in zip(inputs, ("logits", "new_state_c", "new_state_h"))
    ]
    outputs = dict(zip(("logits", "new_state_c", "new_state_h"), inputs.values()))
    path = written(tmp_path / "a.onnx", nodes, inputs, outputs)
    with pytest.raises(ModelError, match=message):
        OnnxAcousticModel(path)


def test_a_network_has_a_known_number_of_labels(tmp_path: Path) -> None:
    inputs: dict[str, Axes] = {"input_node": [1, "t", 3, 4], **STATE}
    nodes = [
        make("Reshape", ["input_node", "to"], ["logits"]),
        make("Identity", ["previous_state_c"], ["new_state_c"]),
        make("Identity", ["previous_state_h"], ["new_state_h"]),
    ]
    outputs: dict[str, Axes] = {
        "logits": [1, "n"], "new_state_c": [1, 2], "new_state_h": [1, 2],
    }  # fmt: skip
    path = written(tmp_path / "a.onnx", nodes, inputs, outputs, to=np.array([1, -1]))
    with pytest.raises(ModelError, match="logits has shape"):
        OnnxAcousticModel(path)
