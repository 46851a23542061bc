"""Acoustic models: from windows of features to probabilities, with the state carried along.

Import the backends from their own modules (``numpy_model``, ``onnx_model``,
``coreml_model``): each loads a library that the others do not need.
"""

from streamer.acoustic.model import AcousticModel, FloatArray, State
from streamer.acoustic.weights import Weights, load_safetensors, save_safetensors

__all__ = [
    "AcousticModel",
    "FloatArray",
    "State",
    "Weights",
    "load_safetensors",
    "save_safetensors",
]
