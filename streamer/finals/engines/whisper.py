"""Whisper, run by faster-whisper, as the second opinion."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from typing import Any

from streamer.arrays import FloatArray
from streamer.finals.engine import Said

#: Width of its beam search. Five, the library's default, costs half as much again.
_BEAM = 2


class WhisperEngine:
    """Transcribes an utterance with Whisper.

    Args:
        weights: a folder in CTranslate2's format, or a model that the Hugging Face cache
            on this machine has; nothing is downloaded.
        words: words to expect.
    """

    def __init__(self, weights: str, words: Sequence[str] = ()) -> None:
        self._weights = weights
        self._words = " ".join(word.partition("=")[0] for word in words) or None
        self._model: Any = None

    def load(self) -> None:
        """Load the weights."""
        from faster_whisper import WhisperModel

        self._model = WhisperModel(
            self._weights,
            compute_type="default" if _has_gpu() else "int8",
            cpu_threads=max(1, (os.cpu_count() or 2) - 1),  # one is for the recogniser
            local_files_only=True,
        )

    def transcribe(self, samples: FloatArray) -> Said:
        """Transcribe an utterance."""
        segments, _ = self._model.transcribe(
            samples,
            language="en" if self._model.model.is_multilingual else None,
            beam_size=_BEAM,
            condition_on_previous_text=False,
            without_timestamps=True,
            hotwords=self._words,
        )
        found = list(segments)
        text = " ".join(segment.text.strip() for segment in found)
        if not found:
            return Said("")
        mean_log = sum(segment.avg_logprob for segment in found) / len(found)
        return Said(text, confidence=min(1.0, math.exp(mean_log)))


def _has_gpu() -> bool:
    import ctranslate2

    return bool(ctranslate2.get_cuda_device_count())
