"""Core ML models: written in three shapes and five precisions, and opened, on any system."""

from streamer.convert.coreml.model_file import ModelFile, open_model
from streamer.convert.coreml.writer import write_coreml

__all__ = ["ModelFile", "open_model", "write_coreml"]
