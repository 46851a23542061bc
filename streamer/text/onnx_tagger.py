"""The tagger with ONNX Runtime."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from streamer.arrays import FloatArray, IntArray
from streamer.errors import ModelError
from streamer.text.tagger import Tags

#: Names of the network's inputs and outputs.
INPUTS = ("numbers", "ahead", "pauses", "before", "state")
OUTPUTS = ("marks", "cases", "states")


class OnnxTagger:
    """A tagger in an ONNX file; one thread is faster than several for so few words.

    Args:
        path: the file.

    Raises:
        ModelError: it is not a tagger.
    """

    def __init__(self, path: Path) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        try:
            self._session = onnxruntime.InferenceSession(
                str(path), options, providers=["CPUExecutionProvider"]
            )
            shapes = {each.name: each.shape for each in self._session.get_inputs()}
            self.look_ahead = int(shapes["ahead"][1])
            self.state_size = int(shapes["state"][0])
        except Exception as error:  # ONNX Runtime has exceptions of its own
            raise ModelError(
                f"{path} is not a tagger ({error})", "install streamer again"
            ) from error

    def tag(
        self,
        numbers: IntArray,
        ahead: IntArray,
        pauses: FloatArray,
        before: FloatArray,
        state: FloatArray,
    ) -> Tags:
        """Tag words that follow each other; see `streamer.text.tagger.Tagger`."""
        values = (numbers, np.ascontiguousarray(ahead), pauses, before, state)
        marks, cases, states = self._session.run(list(OUTPUTS), dict(zip(INPUTS, values)))
        return Tags(marks, cases, states)
