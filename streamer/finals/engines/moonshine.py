"""Moonshine, run by moonshine-voice, as the second opinion."""

from __future__ import annotations

import os
from typing import Any

from streamer.arrays import FloatArray
from streamer.finals.engine import Said

#: The utterance is known to be speech: its own voice activity shall not cut it.
_OPTIONS = {"vad_threshold": 0.0, "vad_max_segment_duration": 60.0}
#: Sizes by what the name of the folder contains, the longer names first.
_SIZES = (
    "tiny-streaming", "base-streaming", "small-streaming", "medium-streaming", "tiny", "base",
)  # fmt: skip


class MoonshineEngine:
    """Transcribes an utterance with Moonshine.

    Args:
        weights: a folder, named after the size of its model, or the name of one in the
            package; nothing is downloaded.
    """

    def __init__(self, weights: str) -> None:
        self._weights = weights
        self._transcriber: Any = None

    def load(self) -> None:
        """Load the weights."""
        from moonshine_voice import get_model_path, string_to_model_arch
        from moonshine_voice.transcriber import Transcriber

        folder = self._weights
        if not os.path.isdir(folder):
            folder = str(get_model_path(self._weights))
        if not os.path.isdir(folder):
            raise FileNotFoundError(f"the package has no model {self._weights}")
        name = os.path.basename(os.path.normpath(folder)).lower()
        size = next((size for size in _SIZES if size in name), "base")
        self._transcriber = Transcriber(folder, string_to_model_arch(size), options=_OPTIONS)

    def transcribe(self, samples: FloatArray) -> Said:
        """Transcribe an utterance."""
        found = self._transcriber.transcribe_without_streaming(samples.tolist(), 16000)
        return Said(" ".join(line.text.strip() for line in found.lines if line.text.strip()))
