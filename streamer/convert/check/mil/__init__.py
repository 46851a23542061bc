"""ML programs evaluated in NumPy: the operations that this project's models consist of."""

from streamer.convert.check.mil import arithmetic, compression, tensors
from streamer.convert.check.mil.operations import OPERATIONS

# Importing these modules fills in OPERATIONS.
__all__ = ["OPERATIONS", "arithmetic", "compression", "tensors"]
