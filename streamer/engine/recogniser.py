"""The recogniser joins the stages: samples in, events out, no threads, no clock.

    samples -> voice activity -> endpointer -> utterance (framer, model, decoder) -> events

Everything is decided at absolute sample positions: voice activity every 512
samples, words whenever a window of the acoustic model is full. So the events
do not depend on how the samples are cut into blocks.

While nobody speaks, only voice activity is computed, and the last seconds are
kept, so that an utterance can begin before it was detected.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from streamer.arrays import FloatArray
from streamer.endpointing.endpointer import Endpointer
from streamer.endpointing.rules import CAP
from streamer.endpointing.settings import RATE_HZ, EndpointSettings
from streamer.endpointing.voice_activity import CHUNK_SAMPLES, Chunk, VoiceActivity
from streamer.engine.cutting import choose_cut
from streamer.engine.latency import StreamTiming
from streamer.engine.level_meter import LevelMeter
from streamer.engine.recent_audio import RecentAudio
from streamer.engine.settings import RecogniserSettings
from streamer.engine.utterance import Stages, Utterance
from streamer.engine.written_stream import WrittenStream
from streamer.errors import ModelError
from streamer.events import Close, Event, Final, Gap, Notice, Partial, Stats, Word

if TYPE_CHECKING:
    from streamer.decoding import DecodedWord, Hypothesis
    from streamer.text.model import TextModel


#: Chunks between two `Stats`: 0.26 s.
STATS_CHUNKS = 8

#: Audio kept for recognising again what follows a cut.
KEPT_SAMPLES = 8 * RATE_HZ

#: Text and stable prefix of an utterance before its first partial.
NOTHING = ("", "")


class Recogniser:
    """Turns a stream of samples into events.

    Args:
        stages: front end, acoustic model and decoder, not shared with another
            recogniser.
        settings: endpointing, and which events are made.
        voice_activity: None for Silero's network.
        timing: measures latency and computing time; None for a stopped clock.
        text_model: makes the written form; None displays the words as spoken.

    Raises:
        ModelError: the model does not take 16 kHz.
    """

    def __init__(
        self,
        stages: Stages,
        settings: RecogniserSettings | None = None,
        voice_activity: VoiceActivity | None = None,
        timing: StreamTiming | None = None,
        text_model: TextModel | None = None,
    ) -> None:
        self.rate_hz = stages.front_end.sample_rate_hz
        if self.rate_hz != RATE_HZ:
            raise ModelError(
                f"the model takes {self.rate_hz} Hz, voice activity only {RATE_HZ} Hz",
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
        self._text_model = text_model
        self.reset()

    def reset(self) -> None:
        """Begin a new stream at position, segment and seq 0."""
        self._position = 0
        self._lost = 0
        self._seq = 0
        self._segment = 0
        self._utterance: Utterance | None = None
        normalisation = self._stages.front_end.normalisation
        self._normalisation = None if normalisation is None else normalisation.new_stream()
        self._reported = 0  # end of the last final
        self._shown = NOTHING
        self._written = WrittenStream(self._text_model, self.settings.writing)
        self._chunks = 0
        self._windows = 0
        self._meter.take()
        self._restart(0)

    @property
    def position(self) -> int:
        """Absolute position of the next sample."""
        return self._position

    @property
    def speaking(self) -> bool:
        """Whether voice activity detects speech."""
        return self._endpointer.speaking

    # Input

    def feed(self, samples: FloatArray) -> list[Event]:
        """Recognise the next samples.

        Args:
            samples: float32 (n,) mono at `rate_hz`, full scale 1; any n. Kept
                without copying.
        """
        events: list[Event] = []
        first, start = self._position, 0
        # All chunks are rated at once, but what is decided at the end of one determines what
        # happens to the samples after it.
        for chunk in self._voice.feed(samples):
            end = chunk.position + CHUNK_SAMPLES - first
            events += self._feed_piece(samples[start:end])
            events += self._take_chunk(chunk)
            start = end
        return events + self._feed_piece(samples[start:])

    def gap(self, lost_samples: int) -> list[Event]:
        """Report missing samples: the utterance ends before them, time goes on after them."""
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
        """End the current utterance at the current position."""
        events = self._end_utterance()
        self._endpointer.reset(self._position)
        return events

    def finish(self) -> list[Event]:
        """End the stream; call `reset` before the next one."""
        events: list[Event] = []
        chunk = self._voice.finish()
        if chunk is not None:
            events += self._judge(chunk)
        events += self._end_utterance()
        events += self._close_sentence()
        events.append(self._stats())
        return events

    def notice(self, what: str, todo: str) -> Notice:
        """Make a notice at the current position of the stream."""
        return Notice(self._next_seq(), self._time(self._position), what, todo)

    # Processing

    def _restart(self, position: int) -> None:
        """Forget everything before this position."""
        self._voice.reset(position)
        self._endpointer.reset(position)
        self._recent.reset(position)

    def _feed_piece(self, piece: FloatArray) -> list[Event]:
        """Recognise samples that end no later than the current chunk."""
        if not len(piece):
            return []
        self._position += len(piece)
        self._recent.append(piece)
        return [] if self._utterance is None else self._feed_utterance(piece)

    def _take_chunk(self, chunk: Chunk) -> list[Event]:
        """Decide what the end of a chunk changes."""
        self._meter.feed(chunk.samples)
        events = self._judge(chunk)
        self._chunks += 1
        if self.settings.stats and self._chunks % STATS_CHUNKS == 0:
            events.append(self._stats())
        return events

    def _judge(self, chunk: Chunk) -> list[Event]:
        """Begin or end an utterance at this chunk, if it is time to."""
        self._recent.forget(self._position - KEPT_SAMPLES)
        begin = self._endpointer.feed(chunk)
        if begin is not None:
            return self._begin_utterance(begin)
        if self._utterance is None:
            due = self._written.is_due(self._time(self._position))
            return self._close_sentence() if due else []
        rule = self._endpointer.rule(self._position, self._utterance.last_word_end)
        if rule is None:
            return []
        return self._cut() if rule.name == CAP else self._end_utterance()

    def _begin_utterance(self, begin: int) -> list[Event]:
        self._utterance = Utterance(self._stages, begin, self._normalisation)
        return self._feed_utterance(self._recent.since(begin))

    def _feed_utterance(self, samples: FloatArray) -> list[Event]:
        assert self._utterance is not None
        events: list[Event] = []
        for update in self._utterance.feed(samples):
            hypothesis = update.hypothesis
            shown = (hypothesis.text, hypothesis.stable)
            if self._endpointer.has_voice and shown != self._shown:
                # Made in any case: what is displayed does not depend on who wants partials.
                partial = self._partial(hypothesis, update.position)
                events += [partial] if self.settings.partials else []
        return events

    def _end_utterance(self) -> list[Event]:
        """End the utterance at the current position; it may turn out to have no words."""
        utterance = self._utterance
        if utterance is None:
            return []
        hypothesis = utterance.finish()
        has_voice = self._endpointer.has_voice
        self._endpointer.end(self._position, utterance.last_word_end)
        events: list[Event] = []
        if hypothesis.text and has_voice:
            events.append(self._final(hypothesis.text, hypothesis, self._position))
        elif self._shown[0] and self.settings.partials:
            # What was shown was a mistake: take it back. Nothing of it was stable.
            events.append(self._partial(replace(hypothesis, text="", words=()), self._position))
        self._close_utterance()
        return events

    def _cut(self) -> list[Event]:
        """Cut speech without a pause between two words, and go on with the second."""
        utterance = self._utterance
        assert utterance is not None and utterance.latest is not None
        begin = max(self._recent.begin, utterance.begin)
        cut = choose_cut(utterance, self._recent.since(begin), begin)
        if cut is None:  # no words yet, but one may be starting just here
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
        self._shown = NOTHING
        self._windows += self._utterance.windows
        self._utterance = None

    def _close_sentence(self) -> list[Event]:
        mark = self._written.close()
        if mark is None:
            return []
        time = self._time(self._position)
        return [Close(self._segment - 1, self._next_seq(), time, mark)]

    # Output

    def _partial(self, hypothesis: Hypothesis, position: int) -> Partial:
        text, stable = self._shown = (hypothesis.text, hypothesis.stable)
        start = self._start()
        end = max(start, position)
        words = self._words(hypothesis.words, start, end)
        display = self._written.partial(text, stable, words)
        return Partial(
            segment=self._segment,
            seq=self._next_seq() if self.settings.partials else self._seq,
            start=self._time(start),
            end=self._time(end),
            text=text,
            stable=stable,
            words=words,
            alternatives=tuple(hypothesis.alternatives[: self.settings.alternatives]),
            latency_ms=self._timing.latency_ms(self._time(end)),
            display=display.text,
            display_stable=display.stable,
        )

    def _final(self, text: str, hypothesis: Hypothesis, position: int) -> Final:
        start = self._start()
        end = max(start, position)
        words = self._words(hypothesis.words, start, end)
        display = self._written.final(text, words, self._time(end))
        final = Final(
            segment=self._segment,
            seq=self._next_seq(),
            start=self._time(start),
            end=self._time(end),
            text=text,
            stable=text,
            words=words,
            alternatives=tuple(hypothesis.alternatives[: self.settings.alternatives]),
            latency_ms=self._timing.latency_ms(self._time(end)),
            display=display.text,
            join=display.join,
        )
        self._segment += 1
        self._reported = end
        return final

    def _start(self) -> int:
        """Reported start of the utterance; reported times never overlap."""
        assert self._utterance is not None
        return max(self._utterance.begin, self._reported)

    def _words(self, words: Sequence[DecodedWord], start: int, end: int) -> tuple[Word, ...]:
        """Give words their times, within the utterance and in order."""
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
        """Seconds since the stream began; the only place where positions become times."""
        return position / self.rate_hz


def _stopped_clock() -> float:
    return 0.0


class _AlwaysSpeech:
    """A detector for streams that are known to be speech."""

    def probabilities(self, chunks: FloatArray) -> list[float]:
        return [1.0] * len(chunks)

    def reset(self) -> None:
        pass


#: The whole stream is one utterance: no rule ends it, no evidence of a voice is needed.
_ONE_UTTERANCE = EndpointSettings(least_voice_s=0.0, rules=())
