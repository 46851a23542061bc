"""The events of a stream: one frozen dataclass for each kind.

Times are seconds since the stream began, lost samples included, so they stay
correct across gaps. ``seq`` counts all events of a stream from 0, so that a
reader can detect a missing one; ``segment`` counts utterances from 0.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Union

#: Marks with which a `Final.join` may begin.
_MARKS = ".,?!:"
#: Default of the written forms: the words as spoken.
_AS_SPOKEN = "\0"


@dataclass(frozen=True)
class Word:
    """One word of a hypothesis.

    Attributes:
        word: the word as the model spells it.
        start: in seconds since the stream began.
        end: in seconds since the stream began, never before ``start``.
        confidence: how likely the word is to be right, 0 to 1, as far as the
            model is calibrated; 0 to 1 in any case.
    """

    word: str
    start: float
    end: float
    confidence: float

    def __str__(self) -> str:
        return self.word


@dataclass(frozen=True)
class _Transcript:
    """The fields of `Partial` and `Final`."""

    segment: int
    seq: int
    start: float
    end: float
    text: str
    stable: str
    words: tuple[Word, ...] = ()
    alternatives: tuple[str, ...] = ()
    latency_ms: float | None = None
    display: str = _AS_SPOKEN

    def __post_init__(self) -> None:
        if self.display == _AS_SPOKEN:
            object.__setattr__(self, "display", self.text)


@dataclass(frozen=True)
class Partial(_Transcript):
    """The hypothesis for an utterance that is still going on.

    Attributes:
        segment: number of the utterance.
        seq: number of this event.
        start: start of the utterance's audio, in seconds.
        end: end of the audio that the text covers, in seconds.
        text: the best hypothesis, as spoken; always begins with ``stable``.
        stable: the part of ``text`` that no later event of this utterance changes.
        words: the words of ``text``.
        alternatives: other hypotheses, best first, without ``text``.
        latency_ms: from the arrival of the last sample heard to this event;
            None where the audio does not come in real time.
        display: ``text`` as written, with marks, capitals and numbers; always
            begins with ``display_stable``.
        display_stable: the part of ``display`` that no later event of this
            utterance changes.
    """

    display_stable: str = _AS_SPOKEN

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.display_stable == _AS_SPOKEN:
            object.__setattr__(self, "display_stable", self.stable)

    def __str__(self) -> str:
        return f"{_span(self.start, self.end)} {self.display} ..."


@dataclass(frozen=True)
class Final(_Transcript):
    """The text of an utterance that has ended; it will not change.

    ``join + display`` of all finals and ``display`` of each `Close`, one after
    the other, are the written text. The attributes are those of `Partial`,
    without ``display_stable``, and:

    Attributes:
        stable: the same as ``text``.
        display: ``text`` as written, without the mark that ends it: a breath may
            be in the middle of a sentence.
        join: what stands between the utterance before and this one: "" at the
            beginning, " ", ", ", ". ", "? " and so on, or a blank line.
        engine: which engine the words come from, with a second opinion
            (``finals``): ``whisper:base.en``, or the model's own name; None without.
    """

    join: str = ""
    engine: str | None = None

    @property
    def mark(self) -> str:
        """The mark that ``join`` puts after the utterance before; may be empty."""
        return self.join[: len(self.join) - len(self.join.lstrip(_MARKS))]

    @property
    def space(self) -> str:
        """The rest of ``join``: nothing, a space or line breaks."""
        return self.join.lstrip(_MARKS)

    def marked(self, mark: str) -> Final:
        """Return the final with the mark that ends its display."""
        return replace(self, display=self.display + mark) if mark else self

    def __str__(self) -> str:
        return f"{_span(self.start, self.end)} {self.display}"


@dataclass(frozen=True)
class Close:
    """The end of a sentence: after a silence, or at the end of the stream.

    Attributes:
        segment: number of the utterance that it ends.
        seq: number of this event.
        time: in seconds of the stream.
        display: the mark after that utterance; empty where no marks are written.
    """

    segment: int
    seq: int
    time: float
    display: str

    def __str__(self) -> str:
        return f"[{self.time:.2f}] {self.display}"


@dataclass(frozen=True)
class Gap:
    """Samples that were lost because the recogniser was late or the device overran.

    Attributes:
        seq: number of this event.
        start: time of the first lost sample, in seconds.
        end: time of the first sample after them, in seconds.
        samples: number of lost samples, at the recogniser's rate.
    """

    seq: int
    start: float
    end: float
    samples: int

    def __str__(self) -> str:
        return f"{_span(self.start, self.end)} {self.end - self.start:.2f} s of audio lost"


@dataclass(frozen=True)
class Stats:
    """The state of the stream, about four times a second and once at its end.

    Attributes:
        seq: number of this event.
        time: length of the stream so far, in seconds.
        real_time_factor: computing time per second of audio, so far.
        latency_p50_ms: median latency so far, None without real time.
        latency_p95_ms: its 95th percentile.
        lost_samples: lost since the stream began.
        level_dbfs: root mean square since the last `Stats`, in dB of full scale.
        peak_dbfs: largest sample since the last `Stats`, in dB of full scale.
        clipped: whether a sample since the last `Stats` reached full scale.
        speaking: whether voice activity detects speech.
        chunks: windows given to the acoustic model so far.
        chunk_p50_ms: median time of the acoustic model for one window.
        chunk_p95_ms: its 95th percentile.
    """

    seq: int
    time: float
    real_time_factor: float
    latency_p50_ms: float | None
    latency_p95_ms: float | None
    lost_samples: int
    level_dbfs: float
    peak_dbfs: float
    clipped: bool
    speaking: bool
    chunks: int = 0
    chunk_p50_ms: float | None = None
    chunk_p95_ms: float | None = None

    def __str__(self) -> str:
        parts = [
            f"level {self.level_dbfs:.0f} dBFS",
            f"real-time factor {self.real_time_factor:.2f}",
        ]
        if self.latency_p50_ms is not None:
            parts.append(f"latency {self.latency_p50_ms:.0f} ms")
        if self.lost_samples:
            parts.append(f"{self.lost_samples} samples lost")
        return f"[{self.time:.2f}] {', '.join(parts)}"


@dataclass(frozen=True)
class Notice:
    """Something the user should know while the stream goes on.

    Attributes:
        seq: number of this event.
        time: in seconds of the stream.
        what: what is wrong.
        todo: what to do about it.
    """

    seq: int
    time: float
    what: str
    todo: str

    def __str__(self) -> str:
        return f"[{self.time:.2f}] warning: {self.what} - {self.todo}"


Event = Union[Partial, Final, Close, Gap, Stats, Notice]


def written_text(events: Iterable[Event]) -> str:
    """Return the written text of a stream: its finals with what stands between them."""
    parts = []
    for event in events:
        if isinstance(event, Final):
            parts.append(event.join + event.display)
        elif isinstance(event, Close):
            parts.append(event.display)
    return "".join(parts)


def _span(start: float, end: float) -> str:
    return f"[{start:.2f} - {end:.2f}]"
