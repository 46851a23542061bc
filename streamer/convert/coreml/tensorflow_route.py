"""Apple's route: converts a frozen graph with TensorFlow and ``coremltools.convert``.

The result keeps the graph's structure, with a loop, gather and scatter in place
of the LSTM, which accelerators do not run well. The route without TensorFlow is
better; this one follows Apple's guide and serves for comparison.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from streamer.acoustic.contract import (
    INPUT_LENGTHS,
    INPUT_NAMES,
    INPUT_NODE,
    OUTPUT_NAMES,
    PREVIOUS_C,
    PREVIOUS_H,
)
from streamer.convert.coreml.writer import flexible_steps, known_metadata, save_model
from streamer.convert.imports import (
    coremltools_silenced,
    import_coremltools,
    import_tensorflow,
)
from streamer.convert.options import COREML_FORMATS, check_choice, check_steps
from streamer.convert.readers.graph import Graph, read_graph
from streamer.errors import ConversionError

#: Precisions that ``coremltools.convert`` itself offers.
_PRECISIONS = ("fp32", "fp16")


def convert_graph(
    network: str | Path,
    path: str | Path,
    steps: int | None = None,
    format: str = "mlprogram",
    precision: str = "fp16",
    outputs: Sequence[str] = OUTPUT_NAMES,
    description: Mapping[str, Any] = MappingProxyType({}),
) -> Path:
    """Convert a frozen TensorFlow graph like Apple's guide.

    A static graph is converted to a static model; a dynamic one to a flexible
    model, or to a static one of ``steps`` steps. Only the three outputs are
    converted, without the graph's own feature extraction.

    Args:
        network: a ``.pb``; TensorFlow 2 cannot read a ``.pbmm``.
        path: the ``.mlpackage`` or ``.mlmodel`` to write.
        steps: steps in a window; the graph's own number if None.
        format: ``mlprogram`` or ``neuralnetwork``.
        precision: ``fp32`` or ``fp16``, of ML programs; a neural network is float32.
        outputs: the graph's nodes with the probabilities, c and h, in this order. In the model
            they are called ``logits``, ``new_state_c`` and ``new_state_h``.
        description: of the network; its author, licence, version and description are written
            into the model.

    Returns:
        ``path``.

    Raises:
        ConversionError: TensorFlow or coremltools is missing, the graph is of another
            kind, or ``steps`` differs from a static graph's number.
    """
    place = Path(path)
    check_choice("Core ML format", format, COREML_FORMATS)
    if precision not in _PRECISIONS:
        raise ConversionError(
            f"--via tensorflow does not support precision {precision!r}",
            "use fp32 or fp16, or leave out --via tensorflow",
        )
    if steps is not None:
        check_steps(steps)
    graph = read_graph(Path(network))
    shapes = _input_shapes(graph, Path(network))
    _check_outputs(graph, Path(network), outputs)
    axis = _time_axis(shapes, steps)
    definition = _load_definition(Path(network))
    ct = import_coremltools()
    time = flexible_steps(ct, format) if axis is None else axis
    _, _, width, n_input = shapes[INPUT_NODE]
    # Without these types a flexible program would silently accept one or two steps only.
    inputs = [ct.TensorType(INPUT_NODE, shape=(1, time, width, n_input))]
    for name in (INPUT_LENGTHS, PREVIOUS_C, PREVIOUS_H):
        if name in shapes:
            inputs.append(ct.TensorType(name, shape=shapes[name]))
    arguments: dict[str, Any] = {"convert_to": format}
    if format == "mlprogram":
        half = precision == "fp16"
        arguments["compute_precision"] = ct.precision.FLOAT16 if half else ct.precision.FLOAT32
    try:
        with coremltools_silenced():
            model = ct.convert(
                definition,
                source="tensorflow",
                inputs=inputs,
                outputs=list(outputs),
                skip_model_load=True,
                **arguments,
            )
            if tuple(outputs) != OUTPUT_NAMES:
                model = _renamed(ct, model)
    except Exception as error:  # coremltools raises many types
        detail = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
        raise ConversionError(
            f"coremltools cannot convert {network}: {detail}", "leave out --via tensorflow"
        ) from error
    about = {
        "streamer.shape": "tensorflow",
        "streamer.precision": "fp32" if format == "neuralnetwork" else precision,
        "streamer.steps": "flexible" if axis is None else str(axis),
    }
    save_model(model, place, about, **known_metadata(description))
    return place


def _input_shapes(graph: Graph, path: Path) -> dict[str, tuple[int, ...]]:
    """Return the shapes of the network's inputs; -1 for any size."""
    shapes: dict[str, tuple[int, ...]] = {}
    for name in INPUT_NAMES:
        node = graph.nodes.get(name)
        shape = None if node is None or node.op != "Placeholder" else graph.shape(node)
        if shape is not None:
            shapes[name] = shape
    ranks = {name: len(shape) for name, shape in shapes.items() if name != INPUT_LENGTHS}
    if ranks != {INPUT_NODE: 4, PREVIOUS_C: 2, PREVIOUS_H: 2}:
        raise ConversionError(
            f"{path} does not have the inputs of a DeepSpeech graph",
            "use the graph exported by DeepSpeech, output_graph.pb",
        )
    return shapes


def _check_outputs(graph: Graph, path: Path, outputs: Sequence[str]) -> None:
    if len(outputs) != len(OUTPUT_NAMES):
        raise ConversionError(
            f"{len(outputs)} output nodes were given",
            f"give {len(OUTPUT_NAMES)}: for {', '.join(OUTPUT_NAMES)}",
        )
    for name in outputs:
        if name not in graph.nodes:
            raise ConversionError(
                f"{path} has no node {name}",
                "name the nodes of the outputs: --output-node; streamer inspect lists them",
            )


def _renamed(ct: Any, model: Any) -> Any:
    """Return the model with the output names of `OUTPUT_NAMES`, in the same order."""
    spec = model.get_spec()
    # ML programs have other characters in place of some of TensorFlow's.
    present = [output.name for output in spec.description.output]
    # By way of names that no model has, since two of them may be exchanged.
    for prefix, before, after in (("", present, "streamer_"), ("streamer_", OUTPUT_NAMES, "")):
        for name, wanted in zip(before, OUTPUT_NAMES):
            # With rename_inputs=False coremltools 9 leaves the layers of a neural network as they
            # are. No input has the name of an output.
            ct.utils.rename_feature(spec, prefix + name, after + wanted)
    return ct.models.MLModel(spec, weights_dir=model.weights_dir, skip_model_load=True)


def _time_axis(shapes: dict[str, tuple[int, ...]], steps: int | None) -> int | None:
    exported = shapes[INPUT_NODE][1]
    if exported < 1:
        return steps
    if steps not in (None, exported):
        raise ConversionError(
            f"the graph was exported with {exported} steps and cannot have {steps}",
            "leave out --steps, or leave out --via tensorflow",
        )
    return exported


def _load_definition(path: Path) -> Any:
    """Return the graph as a GraphDef: coremltools refuses a path with TensorFlow 2."""
    tensorflow = import_tensorflow()
    definition = tensorflow.compat.v1.GraphDef()
    try:
        definition.ParseFromString(path.read_bytes())
    except Exception as error:  # DecodeError of whichever protobuf TensorFlow brings
        raise ConversionError(
            f"{path} cannot be read as a frozen graph by TensorFlow",
            "use the .pb, not the .pbmm, or leave out --via tensorflow",
        ) from error
    return definition
