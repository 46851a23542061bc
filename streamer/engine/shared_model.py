"""One loaded model for many streams.

    shared = SharedModel(load_model(ModelChoice()))
    recognisers = [shared.new_recogniser() for _ in range(16)]

What does not change is there once: the networks, the lexicon, the language models, the text
model. A stream has a decoder of its own, the states of the networks, and its recent audio.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from streamer.engine.recogniser import Recogniser
from streamer.engine.settings import RecogniserSettings

if TYPE_CHECKING:
    from streamer.endpointing.silero import Silero
    from streamer.engine.latency import StreamTiming
    from streamer.engine.model_loader import LoadedModel


class SharedModel:
    """Makes recognisers of one model, all for the same thread.

    Args:
        model: the model.

    Raises:
        ModelError: the network for voice activity cannot be loaded.
    """

    def __init__(self, model: LoadedModel) -> None:
        from streamer.endpointing.silero import Silero

        self.model = model
        self._detector: Silero = Silero()

    def new_recogniser(
        self, settings: RecogniserSettings | None = None, timing: StreamTiming | None = None
    ) -> Recogniser:
        """Return the recogniser of another stream; takes about two milliseconds.

        Args:
            settings: of the recogniser.
            timing: measures latency and computing time; None for a stopped clock.
        """
        from streamer.endpointing.voice_activity import VoiceActivity
        from streamer.engine.latency import TimedModel

        stages = self.model.stages
        stages = replace(stages, decoder=stages.decoder.new_stream())
        if timing is not None:
            stages = replace(stages, model=TimedModel(stages.model, timing))
        voice_activity = VoiceActivity(self._detector.new_stream())
        return Recogniser(stages, settings, voice_activity, timing, self.model.text_model)
