"""Acoustic models: from windows of features to probabilities, with the state carried along.

Import the backends from their own modules (``numpy_model``, ``onnx_model``,
``coreml_model``): each loads a library that the others do not need.
"""

from streamer.acoustic.contract import AcousticModel, State
from streamer.acoustic.weights import Weights
from streamer.arrays import FloatArray

__all__ = [
    "AcousticModel",
    "FloatArray",
    "State",
    "Weights",
]
