"""Front ends and the framer: from samples to windows of the acoustic model."""

from streamer.features.framer import Framer, Window
from streamer.features.front_ends import (
    DeepSpeechFrontEnd,
    FrontEnd,
    PythonSpeechFeaturesFrontEnd,
    create_front_end,
)

__all__ = [
    "DeepSpeechFrontEnd",
    "Framer",
    "FrontEnd",
    "PythonSpeechFeaturesFrontEnd",
    "Window",
    "create_front_end",
]
