"""What a transcriber says while it listens: one frozen dataclass a kind.

Times are seconds since the stream began (lost samples counted in), so they
stay right across gaps. ``seq`` counts all events of a stream from 0, so that a
reader can see whether it missed one; ``segment`` counts utterances from 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Union


@dataclass(frozen=True)
class Word:
    """One word of a hypothesis.

    Attributes:
        word: the word as the model spells it.
        start: seconds since the stream began.
        end: seconds since the stream began, never before ``start``.
        confidence: 0 (guessed) to 1 (sure).
    """

    word: str
    start: float
    end: float
    confidence: float


@dataclass(frozen=True)
class Partial:
    """What an utterance that is still being said seems to be so far.

    Attributes:
        segment: number of the utterance.
        seq: number of this event.
        start: where the utterance's audio begins, in seconds.
        end: how far its audio had been heard, in seconds.
        text: the best hypothesis; always begins with ``stable``.
        stable: the part that no later event of this utterance contradicts.
        words: the words of ``text``.
        alternatives: other hypotheses, best first, without ``text``.
        latency_ms: from the arrival of the last sample heard to this event;
            None where the audio did not come in real time.
    """

    segment: int
    seq: int
    start: float
    end: float
    text: str
    stable: str
    words: tuple[Word, ...] = ()
    alternatives: tuple[str, ...] = ()
    latency_ms: float | None = None


@dataclass(frozen=True)
class Final:
    """An utterance that has ended; its text will not change.

    The attributes are those of `Partial`; ``stable`` equals ``text``.
    """

    segment: int
    seq: int
    start: float
    end: float
    text: str
    stable: str
    words: tuple[Word, ...] = ()
    alternatives: tuple[str, ...] = ()
    latency_ms: float | None = None


@dataclass(frozen=True)
class Gap:
    """Samples that were lost, because the recogniser was late or the device overran.

    Attributes:
        seq: number of this event.
        start: time of the first lost sample, in seconds.
        end: time of the first sample after them, in seconds.
        samples: how many samples were lost, at the recogniser's rate.
    """

    seq: int
    start: float
    end: float
    samples: int


@dataclass(frozen=True)
class Stats:
    """How the stream is doing; sent about four times a second and once at its end.

    Attributes:
        seq: number of this event.
        time: how much of the stream has been heard, in seconds.
        real_time_factor: seconds of computing for a second of audio, so far.
        latency_p50_ms: median of the latencies so far, None without real time.
        latency_p95_ms: 95th percentile of the same.
        lost_samples: lost since the stream began.
        level_dbfs: root mean square of the last stretch, in dB of full scale.
        peak_dbfs: largest sample of the last stretch, in dB of full scale.
        clipped: whether a sample of the last stretch stood at full scale.
        speaking: whether voice activity is on.
        chunks: windows given to the acoustic model so far.
        chunk_p50_ms: median time of the acoustic model for one window.
        chunk_p95_ms: 95th percentile of the same.
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


@dataclass(frozen=True)
class Notice:
    """Something the user should know while the stream goes on.

    Attributes:
        seq: number of this event.
        time: when, in seconds of the stream.
        what: what is wrong.
        todo: what to do about it.
    """

    seq: int
    time: float
    what: str
    todo: str


Event = Union[Partial, Final, Gap, Stats, Notice]
