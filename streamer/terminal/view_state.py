"""The state of the live view: an immutable value and pure functions from one to the next.

The thread that receives events and the thread that draws can share a state
safely, and tests can produce everything that may be on the screen without one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Union

from streamer.events import Close, Event, Final, Gap, Notice, Partial, Stats

#: How long the clip mark stays after a sample at full scale, in seconds of the
#: stream. The level is measured over a quarter of a second, too short to notice.
CLIP_HOLD_S = 2.0


@dataclass(frozen=True)
class ViewInfo:
    """Facts that stay the same for a whole stream.

    Attributes:
        device: name of the microphone or the recording.
        rate_hz: its sample rate.
        model: name of the bundle.
        backend: "coreml", "onnx" or "numpy".
        compute_unit: where the network runs, such as "CPU" or "CPU_AND_NE".
        network_timing: whether the status line shows how long the network takes.
        doubtful: words with a lower confidence are marked.
    """

    device: str
    rate_hz: int
    model: str
    backend: str
    compute_unit: str
    network_timing: bool = False
    doubtful: float = 0.5


@dataclass(frozen=True)
class Undone:
    """A final that was undone after it had been written to the scrollback.

    Attributes:
        text: the undone text.
    """

    text: str


@dataclass(frozen=True)
class Note:
    """A line that another part of the program wrote to standard error."""

    text: str


#: What is written to the scrollback and stays there.
ScrollbackItem = Union[Final, Gap, Notice, Undone, Note]


@dataclass(frozen=True)
class ViewState:
    """Everything the view draws.

    Attributes:
        info: device, model and the like.
        finals: the transcript: finals that have words and were not undone.
        unmarked: whether the last final still waits for the mark that ends it.
        pending: what has not been written to the scrollback yet.
        waiting: the last final while it waits for its mark, drawn above the partial
            until it can be written to the scrollback; set by `ViewModel.take`.
        partial: the current utterance, None between utterances.
        stats: the latest figures.
        segment: number of the last complete utterance, -1 before the first.
        lost_samples: samples lost since the stream began.
        clip_until: the clip mark is shown until this time of the stream, in seconds.
        screen_p50_ms: median time from the last sample of a chunk to its words
            on the screen; None until words have been drawn.
        screen_p95_ms: 95th percentile of the same.
        paused: whether the microphone is released.
        timestamps: whether finals start with the time at which they were said.
        help: whether the list of keys is open.
        message: a short message about the last key, None once it has expired.
        keys: whether there is a keyboard.
    """

    info: ViewInfo
    finals: tuple[Final, ...] = ()
    unmarked: bool = False
    pending: tuple[ScrollbackItem, ...] = ()
    waiting: Final | None = None
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
        """The length of the stream so far, in seconds."""
        heard = self.stats.time if self.stats is not None else 0.0
        return max(heard, self.partial.end) if self.partial is not None else heard


def update(state: ViewState, event: Event) -> ViewState:
    """Apply an event.

    Args:
        state: the state before.
        event: any event of a transcriber.

    Returns:
        The new state; ``state`` itself if the event changes nothing.
    """
    if isinstance(event, Partial):
        # A late partial of a complete utterance would bring its words back.
        return state if event.segment <= state.segment else replace(state, partial=event)
    if isinstance(event, Final):
        ended = _mark_last(state, event.mark)
        ended = replace(ended, partial=None, segment=max(state.segment, event.segment))
        if not event.display:
            return ended
        return replace(
            ended,
            finals=(*ended.finals, event),
            pending=(*ended.pending, event),
            unmarked=True,
        )
    if isinstance(event, Close):
        return _mark_last(state, event.display)
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


def _mark_last(state: ViewState, mark: str) -> ViewState:
    """Put the mark after the last final that ends it, unless it has one."""
    if not state.unmarked:
        return state
    last = state.finals[-1]
    marked = last.marked(mark)
    pending = tuple(marked if item is last else item for item in state.pending)
    return replace(state, finals=(*state.finals[:-1], marked), pending=pending, unmarked=False)


def undo(state: ViewState) -> tuple[ViewState, Final | None]:
    """Undo the last final.

    Returns:
        The new state, and the undone final or None.
    """
    if not state.finals:
        return state, None
    last = state.finals[-1]
    pending: tuple[ScrollbackItem, ...]
    if any(item is last for item in state.pending):
        pending = tuple(item for item in state.pending if item is not last)
    else:  # the scrollback cannot be changed, so a line there says so
        pending = (*state.pending, Undone(last.display))
    return replace(state, finals=state.finals[:-1], pending=pending, unmarked=False), last


def transcript(state: ViewState) -> str:
    """Return the finals as text, a paragraph a line, without a trailing line break."""
    parts = []
    for number, final in enumerate(state.finals):
        parts.append((final.space or "\n") * (number > 0) + final.display)
    return "".join(parts)
