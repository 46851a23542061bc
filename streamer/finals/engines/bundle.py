"""Another bundle of ours as the second opinion."""

from __future__ import annotations

from collections.abc import Sequence

from streamer.arrays import FloatArray
from streamer.decoding import UserWord
from streamer.decoding.user_words import parse_user_word
from streamer.engine.model_loader import ModelChoice, load_model
from streamer.engine.recogniser import Recogniser
from streamer.engine.settings import RecogniserSettings
from streamer.events import Final
from streamer.finals.engine import Said
from streamer.text.options import VERBATIM


class BundleEngine:
    """Recognises an utterance with a bundle.

    Args:
        bundle: name of a model, or folder of a bundle.
        words: words to expect, each with ``=WEIGHT`` if it has one.
    """

    def __init__(self, bundle: str, words: Sequence[str] = ()) -> None:
        self._choice = ModelChoice(bundle, hints=_user_words(words))
        self._recogniser: Recogniser | None = None

    def load(self) -> None:
        """Load the bundle."""
        settings = RecogniserSettings(
            one_utterance=True, partials=False, stats=False, writing=VERBATIM
        )
        self._recogniser = Recogniser(load_model(self._choice).stages, settings)

    def transcribe(self, samples: FloatArray) -> Said:
        """Transcribe an utterance."""
        assert self._recogniser is not None
        self._recogniser.reset()
        events = [*self._recogniser.feed(samples), *self._recogniser.finish()]
        finals = [event for event in events if isinstance(event, Final)]
        words = [word for final in finals for word in final.words]
        return Said(" ".join(final.text for final in finals), written=False, words=words)


def _user_words(words: Sequence[str]) -> list[UserWord]:
    return [parse_user_word(word) for word in words]
