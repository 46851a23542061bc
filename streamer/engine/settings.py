"""Settings of the recogniser.

No NumPy here: the Python API is imported before it is needed.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from streamer.endpointing.settings import EndpointSettings
from streamer.text.options import WritingOptions


@dataclass(frozen=True)
class RecogniserSettings:
    """How a stream becomes events.

    Attributes:
        endpoints: where utterances begin and end.
        one_utterance: the whole stream is one utterance, without voice
            activity: for recordings known to be speech from end to end.
        partials: whether `Partial` events are made.
        stats: whether `Stats` come four times a second; one comes at the end
            of a stream in any case.
        alternatives: maximum number of alternatives in an event.
        writing: what the written form has: marks, capitals, numbers.
    """

    endpoints: EndpointSettings = field(default_factory=EndpointSettings)
    one_utterance: bool = False
    partials: bool = True
    stats: bool = True
    alternatives: int = 4
    writing: WritingOptions = field(default_factory=WritingOptions)
