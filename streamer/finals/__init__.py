"""A second opinion: a larger engine transcribes each finished utterance again (``--finals``)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from streamer.endpointing.rules import LONGEST_UTTERANCE_S
from streamer.finals.choice import FinalsChoice, parse_choice
from streamer.finals.engine import FinalsEngine, Said
from streamer.finals.process import EngineProcess
from streamer.finals.second_opinion import SecondOpinion

if TYPE_CHECKING:
    from streamer.decoding import UserWord
    from streamer.engine.settings import RecogniserSettings

__all__ = [
    "EngineProcess",
    "FinalsChoice",
    "FinalsEngine",
    "Said",
    "SecondOpinion",
    "parse_choice",
    "second_opinion",
]


def second_opinion(
    engine: str,
    timeout_s: float | None,
    settings: RecogniserSettings,
    user_words: Sequence[UserWord] = (),
) -> SecondOpinion:
    """Return the stage for an engine.

    Args:
        engine: value of ``--finals``; see `parse_choice`.
        timeout_s: how long a final waits for it; None for the defaults.
        settings: of the recogniser.
        user_words: words that the engine should expect.

    Raises:
        UsageError: the engine is not installed, or a value is not valid.
        ModelError: there is no such bundle.
    """
    words = [f"{word.word}={word.weight:g}" for word in user_words]
    longest_s = max(
        (rule.utterance_s for rule in settings.endpoints.rules), default=LONGEST_UTTERANCE_S
    )
    process = EngineProcess(parse_choice(engine, words))
    return SecondOpinion(process, settings.writing, timeout_s, longest_s)
