"""Core ML: writing models in three shapes and five precisions, and proving them right anywhere."""

from streamer.convert.check.checker import Difference, Report, check_model
from streamer.convert.check.evaluator import Evaluator, create_evaluator
from streamer.convert.coreml.model_file import ModelFile, open_model
from streamer.convert.coreml.network import SHAPES
from streamer.convert.coreml.writer import FORMATS, PRECISIONS, write_coreml

__all__ = [
    "FORMATS",
    "PRECISIONS",
    "SHAPES",
    "Difference",
    "Evaluator",
    "ModelFile",
    "Report",
    "check_model",
    "create_evaluator",
    "open_model",
    "write_coreml",
]
