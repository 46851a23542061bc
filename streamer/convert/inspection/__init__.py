"""The contents of model files: inputs, outputs, operations and metadata, of every format."""

from streamer.convert.inspection.inspect_model import inspect_model
from streamer.convert.inspection.inspection import Inspection, TensorInfo, inspection_rows

__all__ = ["Inspection", "TensorInfo", "inspect_model", "inspection_rows"]
