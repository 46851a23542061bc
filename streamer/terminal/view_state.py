"""What the live view knows: one immutable value, and pure functions from one to the next.

The view never changes a state. The thread that hears events and the thread
that draws hold the same value without being able to disturb each other, and
everything that can be on the screen can be made in a test without a screen.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Union

from streamer.events import Event, Final, Gap, Notice, Partial, Stats

#: How long the clip mark stands after a sample at full scale, in seconds of the
#: stream: a stretch of level lasts a quarter of a second, too short to be noticed.
CLIP_HOLD_S = 2.0


@dataclass(frozen=True)
class ViewInfo:
    """What does not change while a stream goes on.

    Attributes:
        device: name of the microphone or the recording.
        rate_hz: the rate at which it delivers samples.
        model: name of the bundle.
        backend: "coreml", "onnx" or "numpy".
        compute_unit: where the network runs, as "CPU" or "CPU_AND_NE".
        network_timing: whether the status line says how long the network takes.
    """

    device: str
    rate_hz: int
    model: str
    backend: str
    compute_unit: str
    network_timing: bool = False


@dataclass(frozen=True)
class Undone:
    """A final that was taken back after it had scrolled up.

    Attributes:
        text: the text that no longer counts.
    """

    text: str


@dataclass(frozen=True)
class Note:
    """A line that another part of the program wrote to standard error meanwhile."""

    text: str


#: What moves into the scrollback and stays there.
ScrollbackItem = Union[Final, Gap, Notice, Undone, Note]


@dataclass(frozen=True)
class ViewState:
    """Everything the view draws, at one moment.

    Attributes:
        info: device, model and the like.
        finals: the transcript: finals with words in them that were not undone.
        pending: what has not been written into the scrollback yet.
        partial: what is being said, None between utterances.
        stats: the newest figures.
        segment: number of the last utterance that ended, -1 before the first.
        lost_samples: lost since the stream began.
        clip_until: time of the stream until which the clip mark stands.
        screen_p50_ms: median time from the last sample of a chunk to its words
            on the screen; None until some were drawn.
        screen_p95_ms: 95th percentile of the same.
        paused: the microphone is released.
        timestamps: finals begin with the time at which they were said.
        help: the list of keys is open.
        message: a short note about what a key did, None when it has faded.
        keys: there is a keyboard to press them on.
    """

    info: ViewInfo
    finals: tuple[Final, ...] = ()
    pending: tuple[ScrollbackItem, ...] = ()
    partial: Partial | None = None
    stats: Stats | None = None
    segment: int = -1
    lost_samples: int = 0
    clip_until: float = 0.0
    screen_p50_ms: float | None = None
    screen_p95_ms: float | None = None
    paused: bool = False
    timestamps: bool = False
    help: bool = False
    message: str | None = None
    keys: bool = False

    @property
    def time(self) -> float:
        """How much of the stream has been heard, in seconds."""
        heard = self.stats.time if self.stats is not None else 0.0
        return max(heard, self.partial.end) if self.partial is not None else heard


def update(state: ViewState, event: Event) -> ViewState:
    """Take in an event.

    Args:
        state: what was known before.
        event: any event of a transcriber.

    Returns:
        What is known now; ``state`` itself where the event says nothing new.
    """
    if isinstance(event, Partial):
        # A partial of an utterance that has ended would bring dead words back.
        return state if event.segment <= state.segment else replace(state, partial=event)
    if isinstance(event, Final):
        ended = replace(state, partial=None, segment=max(state.segment, event.segment))
        if not event.text:
            return ended
        return replace(ended, finals=(*state.finals, event), pending=(*state.pending, event))
    if isinstance(event, Gap):
        return replace(
            state,
            lost_samples=state.lost_samples + event.samples,
            pending=(*state.pending, event),
        )
    if isinstance(event, Stats):
        return replace(
            state,
            stats=event,
            lost_samples=max(state.lost_samples, event.lost_samples),
            clip_until=event.time + CLIP_HOLD_S if event.clipped else state.clip_until,
        )
    if isinstance(event, Notice):
        return replace(state, pending=(*state.pending, event))
    return state


def undo(state: ViewState) -> tuple[ViewState, Final | None]:
    """Take the last final back.

    Returns:
        The new state and the final that no longer counts, None where there was none.
    """
    if not state.finals:
        return state, None
    last = state.finals[-1]
    pending: tuple[ScrollbackItem, ...]
    if any(item is last for item in state.pending):
        pending = tuple(item for item in state.pending if item is not last)
    else:  # the scrollback cannot be unwritten, so it is said there instead
        pending = (*state.pending, Undone(last.text))
    return replace(state, finals=state.finals[:-1], pending=pending), last


def transcript(state: ViewState) -> str:
    """Return the finals as text, a line each, without a line break at the end."""
    return "\n".join(final.text for final in state.finals)
