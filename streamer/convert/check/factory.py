"""Creates the evaluator for a Core ML model."""

from __future__ import annotations

from streamer.convert.check.evaluator import Evaluator
from streamer.convert.check.mil.program import MilProgram
from streamer.convert.check.neural_network import NeuralNetwork
from streamer.convert.coreml.model_file import ModelFile


def create_evaluator(model: ModelFile) -> Evaluator:
    """Create the evaluator for a model of either kind.

    Raises:
        ConversionError: see `Evaluator.predict`; or its weights cannot be read.
    """
    if model.kind == "mlprogram":
        return MilProgram(model)
    return NeuralNetwork(model)
