"""Acoustic models: from windows of features to label probabilities, with recurrent state.

Import each backend from its own module (``numpy_model``, ``onnx_model``,
``coreml_model``): each needs a library that the others do not.
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
