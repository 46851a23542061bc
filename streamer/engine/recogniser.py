"""Joins the stages: samples in, events out. No thread runs here and no clock is read.

    samples -> voice activity -> endpointer -> utterance (framer, model, decoder) -> events

Everything is decided at absolute sample positions: voice activity every 512
samples, words whenever a window of the acoustic model is full. So the events
are the same however the samples are cut into blocks.

While nobody speaks only the voice activity is computed, and the last seconds
are kept, so that an utterance can begin before it was noticed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from streamer.arrays import FloatArray
from streamer.endpointing.endpointer import Endpointer
from streamer.endpointing.rules import CAP
from streamer.endpointing.settings import RATE_HZ, EndpointSettings
from streamer.endpointing.voice_activity import Chunk, VoiceActivity
from streamer.engine.cutting import choose_cut
from streamer.engine.latency import StreamTiming
from streamer.engine.level_meter import LevelMeter
from streamer.engine.recent_audio import RecentAudio
from streamer.engine.settings import RecogniserSettings
from streamer.engine.utterance import Stages, Utterance
from streamer.errors import ModelError
from streamer.events import Event, Final, Gap, Notice, Partial, Stats, Word

if TYPE_CHECKING:
    from streamer.decoding import DecodedWord, Hypothesis


#: Level and state are reported every so many chunks: 0.26 s.
STATS_CHUNKS = 8

#: So far back speech without a pause may be cut, and is then recognised anew.
KEPT_SAMPLES = 8 * RATE_HZ

#: Text and stable prefix of an utterance of which nothing was shown.
NOTHING = ("", "")


class Recogniser:
    """Takes a stream of samples and says what was said.

    Args:
        stages: front end, acoustic model and decoder, not shared with another
            recogniser.
        settings: endpointing and what is reported.
        voice_activity: judges chunks; Silero's network where None.

    Raises:
        ModelError: the model wants another rate than the voice activity.
    """

    def __init__(
        self,
        stages: Stages,
        settings: RecogniserSettings | None = None,
        voice_activity: VoiceActivity | None = None,
        timing: StreamTiming | None = None,
    ) -> None:
        self.rate_hz = stages.front_end.sample_rate_hz
        if self.rate_hz != RATE_HZ:
            raise ModelError(
                f"the model wants {self.rate_hz} Hz, voice activity is known at {RATE_HZ} Hz only",
                "use a model for 16 kHz",
            )
        self.settings = settings or RecogniserSettings()
        self._stages = stages
        if self.settings.one_utterance:
            self._voice = VoiceActivity(_AlwaysSpeech())
            self._endpointer = Endpointer(_ONE_UTTERANCE)
        else:
            self._voice = voice_activity or VoiceActivity()
            self._endpointer = Endpointer(self.settings.endpoints)
        self._recent = RecentAudio()
        self._meter = LevelMeter()
        self._timing = timing or StreamTiming(clock=_stopped_clock)
        self.reset()

    def reset(self) -> None:
        """Begin a new stream at position, segment and seq 0."""
        self._position = 0
        self._lost = 0
        self._seq = 0
        self._segment = 0
        self._utterance: Utterance | None = None
        self._reported = 0  # where the last final ended
        self._shown = NOTHING
        self._chunks = 0
        self._windows = 0
        self._meter.take()
        self._restart(0)

    @property
    def position(self) -> int:
        """The absolute position of the next sample."""
        return self._position

    @property
    def speaking(self) -> bool:
        """Whether voice activity is on."""
        return self._endpointer.speaking

    # What comes in

    def feed(self, samples: FloatArray) -> list[Event]:
        """Take samples, float32 (n,) mono at `rate_hz`, full scale 1; any n."""
        events: list[Event] = []
        start = 0
        while start < len(samples):
            # To the end of the chunk and no further: what is decided there
            # decides what becomes of the samples after it.
            piece = samples[start : start + self._voice.missing]
            start += len(piece)
            events += self._feed_piece(piece)
        return events

    def gap(self, lost_samples: int) -> list[Event]:
        """Samples are missing here: the utterance ends before them, time goes on after them."""
        if lost_samples <= 0:
            return []
        events = self._end_utterance()
        start, self._position = self._position, self._position + lost_samples
        self._lost += lost_samples
        events.append(
            Gap(self._next_seq(), self._time(start), self._time(self._position), lost_samples)
        )
        self._restart(self._position)
        return events

    def end_utterance(self) -> list[Event]:
        """End the utterance here, because a person asked for it."""
        events = self._end_utterance()
        self._endpointer.reset(self._position)
        return events

    def finish(self) -> list[Event]:
        """The stream is over; `reset` before the next one."""
        events: list[Event] = []
        chunk = self._voice.finish()
        if chunk is not None:
            events += self._judge(chunk)
        events += self._end_utterance()
        events.append(self._stats())
        return events

    def notice(self, what: str, todo: str) -> Notice:
        """Make a notice at the current position of the stream."""
        return Notice(self._next_seq(), self._time(self._position), what, todo)

    # What happens to it

    def _restart(self, position: int) -> None:
        """Nothing before this position is of use any more."""
        self._voice.reset(position)
        self._endpointer.reset(position)
        self._recent.reset(position)

    def _feed_piece(self, piece: FloatArray) -> list[Event]:
        """Take samples that reach to the end of a chunk at most."""
        events: list[Event] = []
        self._position += len(piece)
        self._recent.append(piece)
        if self._utterance is not None:
            events += self._feed_utterance(piece)
        for chunk in self._voice.feed(piece):
            self._meter.feed(chunk.samples)
            events += self._judge(chunk)
            self._chunks += 1
            if self.settings.stats and self._chunks % STATS_CHUNKS == 0:
                events.append(self._stats())
        return events

    def _judge(self, chunk: Chunk) -> list[Event]:
        """Begin or end an utterance with this chunk, if it is time to."""
        self._recent.forget(self._position - KEPT_SAMPLES)
        begin = self._endpointer.feed(chunk)
        if begin is not None:
            return self._begin_utterance(begin)
        if self._utterance is None:
            return []
        rule = self._endpointer.rule(self._position, self._utterance.last_word_end)
        if rule is None:
            return []
        return self._cut() if rule.name == CAP else self._end_utterance()

    def _begin_utterance(self, begin: int) -> list[Event]:
        self._utterance = Utterance(self._stages, begin)
        return self._feed_utterance(self._recent.since(begin))

    def _feed_utterance(self, samples: FloatArray) -> list[Event]:
        assert self._utterance is not None
        events: list[Event] = []
        for progress in self._utterance.feed(samples):
            hypothesis = progress.hypothesis
            shown = (hypothesis.text, hypothesis.stable)
            if self.settings.partials and self._endpointer.has_voice and shown != self._shown:
                events.append(self._partial(hypothesis, progress.position))
        return events

    def _end_utterance(self) -> list[Event]:
        """End the utterance at the present position; it may turn out to be none."""
        utterance = self._utterance
        if utterance is None:
            return []
        hypothesis = utterance.finish()
        has_voice = self._endpointer.has_voice
        self._endpointer.end(self._position, utterance.last_word_end)
        events: list[Event] = []
        if hypothesis.text and has_voice:
            events.append(self._final(hypothesis.text, hypothesis, self._position))
        elif self._shown[0]:
            # What was shown was a mistake: take it back. Nothing of it was promised.
            events.append(self._partial(replace(hypothesis, text="", words=()), self._position))
            self._shown = NOTHING
        self._close_utterance()
        return events

    def _cut(self) -> list[Event]:
        """Cut speech without a pause: between two words, and go on with the second."""
        utterance = self._utterance
        assert utterance is not None and utterance.latest is not None
        begin = max(self._recent.begin, utterance.begin)
        cut = choose_cut(utterance, self._recent.since(begin), begin)
        if cut is None:  # nothing said so far, but perhaps something begins just here
            events, begin = [], max(begin, self._position - self._endpointer.pre_roll_samples)
        else:
            words = utterance.latest.words[: cut.kept]
            text = " ".join(word.word for word in words)
            kept = replace(utterance.latest, words=words, alternatives=())
            events, begin = [self._final(text, kept, cut.position)], cut.position
        self._close_utterance()
        self._endpointer.go_on(begin)
        return events + self._begin_utterance(begin)

    def _close_utterance(self) -> None:
        assert self._utterance is not None
        self._windows += self._utterance.windows
        self._utterance = None

    # What goes out

    def _partial(self, hypothesis: Hypothesis, position: int) -> Partial:
        self._shown = (hypothesis.text, hypothesis.stable)
        start = self._start()
        end = max(start, position)
        return Partial(
            segment=self._segment,
            seq=self._next_seq(),
            start=self._time(start),
            end=self._time(end),
            text=hypothesis.text,
            stable=hypothesis.stable,
            words=self._words(hypothesis.words, start, end),
            alternatives=tuple(hypothesis.alternatives[: self.settings.alternatives]),
            latency_ms=self._timing.latency_ms(self._time(end)),
        )

    def _final(self, text: str, hypothesis: Hypothesis, position: int) -> Final:
        start = self._start()
        end = max(start, position)
        final = Final(
            segment=self._segment,
            seq=self._next_seq(),
            start=self._time(start),
            end=self._time(end),
            text=text,
            stable=text,
            words=self._words(hypothesis.words, start, end),
            alternatives=tuple(hypothesis.alternatives[: self.settings.alternatives]),
            latency_ms=self._timing.latency_ms(self._time(end)),
        )
        self._segment += 1
        self._reported = end
        self._shown = NOTHING
        return final

    def _start(self) -> int:
        """Where the utterance begins for the outside: times of utterances never overlap."""
        assert self._utterance is not None
        return max(self._utterance.begin, self._reported)

    def _words(self, words: Sequence[DecodedWord], start: int, end: int) -> tuple[Word, ...]:
        """Put words on the time line, within the utterance and in order."""
        assert self._utterance is not None
        result = []
        for word in words:
            first = min(max(start, self._utterance.position(word.start_frame)), end)
            start = min(max(first, self._utterance.position(word.end_frame)), end)
            result.append(Word(word.word, self._time(first), self._time(start), word.confidence))
        return tuple(result)

    def _stats(self) -> Stats:
        level = self._meter.take()
        time = self._time(self._position)
        return Stats(
            seq=self._next_seq(),
            time=time,
            lost_samples=self._lost,
            level_dbfs=level.level_dbfs,
            peak_dbfs=level.peak_dbfs,
            clipped=level.clipped,
            speaking=self._endpointer.speaking,
            chunks=self._windows + (self._utterance.windows if self._utterance else 0),
            **self._timing.figures(time)._asdict(),
        )

    def _next_seq(self) -> int:
        self._seq += 1
        return self._seq - 1

    def _time(self, position: int) -> float:
        """Seconds since the stream began: the one place where positions become times."""
        return position / self.rate_hz


def _stopped_clock() -> float:
    return 0.0


class _AlwaysSpeech:
    """Stands in for voice activity where everything is known to be speech."""

    def process_array(self, audio_array: FloatArray) -> float:
        return 1.0

    def reset(self) -> None:
        pass


#: One utterance, whatever happens: no rule ends it, and no voice need be found.
_ONE_UTTERANCE = EndpointSettings(least_voice_s=0.0, rules=())
