"""The state of the live view: an immutable value and pure functions from one to the next.

The thread that receives events and the thread that draws can share a state
safely, and tests can produce everything that may be on the screen without one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Union

from streamer.events import Close, Event, Final, Gap, Notice, Partial, Stats
from streamer.terminal.line_editor import Edit, EditedLine
from streamer.terminal.search import Search

#: How long the clip mark stays after a sample at full scale, in seconds of the
#: stream. The level is measured over a quarter of a second, too short to notice.
CLIP_HOLD_S = 2.0
#: What may end a sentence or a clause.
MARKS = ".,?!:;"
#: A microphone that is heard delivers more than this, in dBFS; a muted one only zeros.
SILENT_DBFS = -90.0


@dataclass(frozen=True)
class ViewInfo:
    """Facts about a stream.

    Attributes:
        device: name of the microphone or the recording; empty until it is open.
        rate_hz: its sample rate, 0 until it is open.
        model: name of the bundle; empty until it is loaded.
        backend: "coreml", "onnx" or "numpy".
        compute_unit: where the network runs, such as "CPU" or "CPU_AND_NE".
        microphone: whether somebody speaks now, rather than in a recording.
        doing: what the status row says while all is well.
        doubtful: words of a lower confidence are marked.
        paragraph_s: a pause of this length begins a paragraph, in seconds.
        saved_in: where else the transcript is written; empty for nowhere.
    """

    device: str = ""
    rate_hz: int = 0
    model: str = ""
    backend: str = ""
    compute_unit: str = ""
    microphone: bool = True
    doing: str = "listening"
    doubtful: float = 0.5
    paragraph_s: float = 3.0
    saved_in: str = ""


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


@dataclass(frozen=True)
class Farewell:
    """The last line of a session."""

    text: str


#: What is written to the scrollback and stays there.
ScrollbackItem = Union[Final, Gap, Undone, Note, Farewell]


@dataclass(frozen=True)
class ViewState:
    """Everything the view draws.

    Attributes:
        info: device, model and the like.
        opened: whether the source is open: what is said from now on is heard.
        loading: whether the model is still being loaded.
        spinner: number of the spinner's picture.
        finals: the transcript: finals that have words and were not undone.
        unmarked: whether the last final still waits for the mark that ends it.
        pending: what has not been written to the scrollback yet.
        held: the newest finals: in the region until the next one is there, so that
            the last one can get its mark, be undone or edited; set by `ViewModel.take`.
        partial: the current utterance, None between utterances.
        stats: the latest figures.
        segment: number of the last complete utterance, -1 before the first.
        lost_samples: samples lost since the stream began.
        lost_s: the same in seconds.
        latency_ms: age of the newest words, None while nobody speaks.
        clip_until: "clipping" is shown until this time of the stream, in seconds.
        screen_p50_ms: median time from the last sample of a chunk to its words
            on the screen; None until words have been drawn.
        screen_p95_ms: 95th percentile of the same.
        paused: whether the microphone is released.
        timestamps: whether times are shown.
        marks: whether words of low confidence are marked.
        panel: "help", "figures" or None.
        edit: the final that is being edited.
        search: what is looked for, while the search is open.
        message: a short message about the last key, None once it has expired.
        notice: what is wrong with the stream, until it is not.
        saved: where ``s`` saved the transcript, and how many finals it had then.
        keys: whether there is a keyboard.
    """

    info: ViewInfo
    opened: bool = True
    loading: bool = False
    spinner: int = 0
    finals: tuple[Final, ...] = ()
    unmarked: bool = False
    pending: tuple[ScrollbackItem, ...] = ()
    held: tuple[Final, ...] = ()
    partial: Partial | None = None
    stats: Stats | None = None
    segment: int = -1
    lost_samples: int = 0
    lost_s: float = 0.0
    latency_ms: float | None = None
    clip_until: float = 0.0
    screen_p50_ms: float | None = None
    screen_p95_ms: float | None = None
    paused: bool = False
    timestamps: bool = False
    marks: bool = True
    panel: str | None = None
    edit: Edit | None = None
    search: Search | None = None
    message: str | None = None
    notice: Notice | None = None
    saved: tuple[str, int] | None = None
    keys: bool = False

    @property
    def time(self) -> float:
        """The length of the stream so far, in seconds."""
        heard = self.stats.time if self.stats is not None else 0.0
        return max(heard, self.partial.end) if self.partial is not None else heard

    @property
    def doubtful(self) -> float:
        """Words of a lower confidence are marked; 0 where none are."""
        return self.info.doubtful if self.marks else 0.0


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
        if event.segment <= state.segment:
            return state
        return replace(state, partial=event, latency_ms=event.latency_ms)
    if isinstance(event, Final):
        ended = _mark_last(state, event.mark)
        ended = replace(
            ended, partial=None, latency_ms=None, segment=max(state.segment, event.segment)
        )
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
            lost_s=state.lost_s + event.end - event.start,
            pending=(*state.pending, event),
        )
    if isinstance(event, Stats):
        return replace(
            state,
            stats=event,
            lost_samples=max(state.lost_samples, event.lost_samples),
            clip_until=event.time + CLIP_HOLD_S if event.clipped else state.clip_until,
            # A warning stands until there is sound again.
            notice=None if event.peak_dbfs > SILENT_DBFS else state.notice,
        )
    if isinstance(event, Notice):
        return replace(state, notice=event)
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


def begin_edit(state: ViewState) -> ViewState:
    """Begin to edit the last final, with the cursor at its end."""
    text = state.finals[-1].display.replace("\n", " ")
    line = EditedLine(text, len(text))
    return replace(state, edit=Edit(line, len(state.finals) - 1, text))


def end_edit(state: ViewState) -> ViewState:
    """Replace the edited final's display by the edited line.

    A mark that it got meanwhile stays, unless the line ends with one. A line without words
    changes nothing.
    """
    edit = state.edit
    assert edit is not None
    state = replace(state, edit=None)
    text = " ".join(edit.line.text.split())
    if not text or text == edit.before:
        return state
    old = state.finals[edit.place]
    ends = text[-1] in MARKS
    is_last = edit.place == len(state.finals) - 1
    mark = old.display[len(edit.before) :] if old.display.startswith(edit.before) else ""
    new = replace(old, display=text if ends else text + mark, words=())
    pending: tuple[ScrollbackItem, ...] = tuple(
        new if item is old else item for item in state.pending
    )
    if pending == state.pending:  # the scrollback cannot be changed, so a line there says so
        pending = (*pending, Note(f"edited: {new.display}"))
    return replace(
        state,
        finals=(*state.finals[: edit.place], new, *state.finals[edit.place + 1 :]),
        pending=pending,
        unmarked=state.unmarked and not (is_last and ends),
    )


def replaced_words(before: str, after: str) -> tuple[str, str] | None:
    """Return the words that an edit replaced and those it replaced them by.

    None where words were only added or removed, or in several places.
    """
    old, new = before.split(), after.split()
    begin = 0
    while begin < min(len(old), len(new)) and old[begin] == new[begin]:
        begin += 1
    end = 0
    while end < min(len(old), len(new)) - begin and old[-1 - end] == new[-1 - end]:
        end += 1
    heard = " ".join(old[begin : len(old) - end]).strip(MARKS)
    written = " ".join(new[begin : len(new) - end]).strip(MARKS)
    if not heard or not written or heard == written or heard.count(" ") > 3:
        return None
    return heard, written


def lines(state: ViewState) -> str:
    """Return the finals as text, each on a line, with a blank line between paragraphs."""
    parts = []
    for number, final in enumerate(state.finals):
        breaks = max(final.space.count("\n"), 1) if number else 0
        parts.append("\n" * min(breaks, 2) + final.display)
    return "".join(parts)


def transcript(state: ViewState) -> str:
    """Return the finals as text, a paragraph a line, without a trailing line break."""
    parts = []
    for number, final in enumerate(state.finals):
        parts.append((final.space or "\n") * (number > 0) + final.display)
    return "".join(parts)
