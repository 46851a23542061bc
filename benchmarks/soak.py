"""Hours of speech at full speed: what changes with time, and what must not.

    python -m benchmarks.soak MANIFEST [--hours 10] [--pause 0] [--seed 0] [--json FILE]

The clips are joined in a random order, again and again, and fed to one stream. Prints a line for
every ten minutes of audio, so that an interrupted run counts as well. At the end:

* memory: its slope after the first half hour, and the standard error of that slope;
* words: errors of the last hour, of the same clips alone, and of a new stream that hears this hour.
  Any stream has some other words where its chunks begin elsewhere in the sound: how many, is shown
  by the clips alone, once more with up to 32 ms of silence in front;
* the end of the last final against the end of the audio.

The cost of a minute is compared with that of a new stream that hears the same minute at the same
time (second by second in turn, so that a busy machine slows both).
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from streamer import Final, Transcriber
from streamer.arrays import FloatArray
from streamer.cli.support.memory import resident_parts_mb
from streamer.events import Event, Word
from streamer.training.data.cache import read_audio
from streamer.training.data.manifests import Clip, read_data_set
from streamer.training.evaluation.error_rates import edit_distance

RATE_HZ = 16000
#: Samples per call: what a session hands on at once.
BLOCK_SAMPLES = 4096
MINUTE_SAMPLES = 60 * RATE_HZ
#: Chunks of voice activity, the longest that anything is cut into before the network.
CHUNK_SAMPLES = 512
#: Audio between two lines.
REPORT_MINUTES = 10
#: A new stream hears every sixtieth minute too.
COMPARED_MINUTES = 60
#: Audio that the two streams hear in turn.
TURN_SAMPLES = RATE_HZ
#: Words come at most this long after they were said: utterances end after 20 s.
OPEN_SAMPLES = 30 * RATE_HZ
#: Memory may still grow until everything has been used once.
SETTLED_MINUTES = 30


class Placed(NamedTuple):
    """A clip in the stream.

    Attributes:
        begin: absolute position of its first sample.
        end: the position after its last sample.
        clip: the clip.
        samples: float32 (n,).
    """

    begin: int
    end: int
    clip: Clip
    samples: FloatArray


def playlist(clips: Sequence[Clip], seed: int, pause: int) -> Iterator[Placed]:
    """Yield the clips for ever, in a new order each time, with a pause after each."""
    silence = np.zeros(pause, np.float32)
    audio = {c.path: np.concatenate([read_audio(c.path, RATE_HZ), silence]) for c in clips}
    shuffle, position = random.Random(seed), 0
    while True:
        order = list(clips)
        shuffle.shuffle(order)
        for clip in order:
            samples = audio[clip.path]
            yield Placed(position, position + len(samples), clip, samples)
            position += len(samples)


def feed(transcriber: Transcriber, samples: FloatArray) -> list[Event]:
    """Feed samples in blocks."""
    events: list[Event] = []
    for start in range(0, len(samples), BLOCK_SAMPLES):
        events += transcriber.feed(samples[start : start + BLOCK_SAMPLES])
    return events


def feed_both(
    old: Transcriber, new: Transcriber, samples: FloatArray
) -> tuple[list[Event], float, float]:
    """Feed samples to two streams in turn; return the first's events and both costs in seconds."""
    events: list[Event] = []
    costs = [0.0, 0.0]
    for turn, start in enumerate(range(0, len(samples), TURN_SAMPLES)):
        piece = samples[start : start + TURN_SAMPLES]
        for which in (turn % 2, 1 - turn % 2):
            begin_s = time.process_time()
            found = feed((old, new)[which], piece)
            costs[which] += time.process_time() - begin_s
            if which == 0:
                events += found
    return events, costs[0], costs[1]


def words_of(events: Sequence[Event]) -> list[Word]:
    """Return the final words."""
    return [word for event in events if isinstance(event, Final) for word in event.words]


class Ledger:
    """Divides the words of a stream among its clips, by the middle of each word.

    Args:
        begin: position in the playlist of the stream's first sample.
    """

    def __init__(self, begin: int = 0) -> None:
        self._begin = begin
        self._open: list[tuple[Placed, list[str]]] = []

    def add_clip(self, placed: Placed) -> None:
        """Add the next clip."""
        self._open.append((placed, []))

    def add_words(self, words: Sequence[Word]) -> None:
        """Add the next words."""
        for word in words:
            middle = round((word.start + word.end) / 2 * RATE_HZ) + self._begin
            for placed, found in self._open:
                if placed.begin <= middle < placed.end:
                    found.append(word.word)

    def settle(self, position: int) -> list[tuple[Placed, list[str]]]:
        """Remove the clips that end before a position and return them with their words."""
        done = [(placed, words) for placed, words in self._open if placed.end <= position]
        self._open = self._open[len(done) :]
        return done


class Alone(NamedTuple):
    """Words of a clip that is heard alone.

    Attributes:
        words: from its first sample on.
        shifted: with less than a chunk of silence in front.
    """

    words: list[str]
    shifted: list[str]


class Tally:
    """Adds up word errors, and words that differ from those of the same clips alone."""

    def __init__(self) -> None:
        self.wrong = self.wrong_alone = self.different = self.shifted = self.words = 0

    def add(self, placed: Placed, heard: Sequence[str], alone: Alone) -> None:
        """Add a clip."""
        wanted = placed.clip.transcript.split()
        self.wrong += edit_distance(wanted, heard)
        self.wrong_alone += edit_distance(wanted, alone.words)
        self.different += edit_distance(alone.words, heard)
        self.shifted += edit_distance(alone.words, alone.shifted)
        self.words += len(wanted)

    def __str__(self) -> str:
        words = max(1, self.words)
        return (
            f"{100 * self.wrong / words:.1f} % of the words wrong, "
            f"{100 * self.wrong_alone / words:.1f} % alone, "
            f"{100 * self.different / words:.1f} % differ "
            f"({100 * self.shifted / words:.1f} % alone with silence in front)"
        )


def slope(hours: Sequence[float], values: Sequence[float]) -> tuple[float, float]:
    """Return the slope of values over hours, and its standard error."""
    if len(hours) < 3:
        return float("nan"), float("nan")
    x, y = np.asarray(hours) - np.mean(hours), np.asarray(values) - np.mean(values)
    rise = float(x @ y / (x @ x))
    rest = y - rise * x
    return rise, float(np.sqrt(rest @ rest / (len(x) - 2) / (x @ x)))


class Soak:
    """One long stream and its figures.

    Args:
        clips: what is said.
        hours: length of the stream.
        pause: samples of silence after each clip.
        seed: random seed of the order.
    """

    def __init__(self, clips: Sequence[Clip], hours: float, pause: int, seed: int) -> None:
        self._playlist = playlist(clips, seed, pause)
        self._minutes = round(60 * hours)
        self._hour_begin = max(0, self._minutes - 60) * MINUTE_SAMPLES  # of the last hour
        self._position = 0
        self._rest: FloatArray = np.zeros(0, np.float32)
        self._ledger = Ledger()
        self._alone: dict[Path, Alone] = {}
        self._leads = random.Random(seed)
        self._last_hour: list[Placed] = []
        self._last_hour_tally = Tally()
        self._last_end_s = 0.0
        self._lines: list[list[float]] = []
        self._ratios: list[list[float]] = []

    def run(self) -> dict[str, Any]:
        """Feed everything, print and return the figures."""
        with Transcriber() as old, Transcriber() as new:
            old.load()
            new.load()
            self._listen(old, new)
            figures = self._figures()
            again = self._hear_last_hour(new)
        figures["last_hour"] = vars(self._last_hour_tally)
        figures["last_hour_in_a_new_stream"] = vars(again)
        return figures

    def _listen(self, old: Transcriber, new: Transcriber) -> None:
        cost_s = wall_s = 0.0
        tally = Tally()
        for minute in range(1, self._minutes + 1):
            samples = self._next(new)
            begin_s, begin_wall_s = time.process_time(), time.monotonic()
            if minute % COMPARED_MINUTES in (0, 1):
                events, old_s, new_s = feed_both(old, new, samples)
                new.finish()
                begin_s += new_s
                self._ratios.append([minute, old_s, new_s])
                print(f"minute {minute}: {old_s:.2f} s, a new stream {new_s:.2f} s", flush=True)
            else:
                events = feed(old, samples)
            if minute == self._minutes:
                events += old.finish()
            cost_s += time.process_time() - begin_s
            wall_s += time.monotonic() - begin_wall_s
            self._count(events, tally, last=minute == self._minutes)
            if minute % REPORT_MINUTES == 0:
                self._line(minute, cost_s / REPORT_MINUTES, wall_s / REPORT_MINUTES, tally)
                cost_s, wall_s, tally = 0.0, 0.0, Tally()

    def _next(self, new: Transcriber) -> FloatArray:
        """Return the next minute; a clip that is new is heard alone first."""
        parts, n = [self._rest], len(self._rest)
        while n < MINUTE_SAMPLES:
            placed = next(self._playlist)
            if placed.clip.path not in self._alone:
                silence = np.zeros(self._leads.randrange(1, CHUNK_SAMPLES), np.float32)
                shifted = np.concatenate([silence, placed.samples])
                self._alone[placed.clip.path] = Alone(
                    *([w.word for w in words_of(feed(new, samples) + new.finish())]
                      for samples in (placed.samples, shifted))
                )  # fmt: skip
            self._ledger.add_clip(placed)
            if placed.end > self._hour_begin:
                self._last_hour.append(placed)
            parts.append(placed.samples)
            n += len(placed.samples)
        samples = np.concatenate(parts)
        self._rest = samples[MINUTE_SAMPLES:].copy()
        self._position += MINUTE_SAMPLES
        return samples[:MINUTE_SAMPLES]

    def _count(self, events: Sequence[Event], tally: Tally, last: bool) -> None:
        self._last_end_s = max([self._last_end_s, *(e.end for e in events if isinstance(e, Final))])
        self._ledger.add_words(words_of(events))
        for placed, words in self._ledger.settle(self._position - (0 if last else OPEN_SAMPLES)):
            alone = self._alone[placed.clip.path]
            tally.add(placed, words, alone)
            if placed.begin >= self._hour_begin:
                self._last_hour_tally.add(placed, words, alone)

    def _line(self, minute: int, cost_s: float, wall_s: float, tally: Tally) -> None:
        private, mapped = resident_parts_mb() or (float("nan"), float("nan"))
        self._lines.append([minute, cost_s, wall_s, private, mapped, tally.wrong, tally.words])
        print(
            f"{minute // 60:3}:{minute % 60:02}  {cost_s:.2f} s of processor time a minute, "
            f"{wall_s:.1f} s in all; {private:.1f} MB private, {mapped:.1f} MB mapped; {tally}",
            flush=True,
        )

    def _figures(self) -> dict[str, Any]:
        audio_s = self._minutes * 60.0
        print(f"last final ends at {self._last_end_s:.2f} s of {audio_s:.2f} s", flush=True)
        settled = [line for line in self._lines if line[0] > SETTLED_MINUTES] or self._lines
        rise, error = slope([line[0] / 60 for line in settled], [line[3] for line in settled])
        print(f"private memory: {rise:+.3f} MB an hour, standard error {error:.3f}", flush=True)
        print(f"last hour: {self._last_hour_tally}", flush=True)
        return {
            "columns": ["minute", "cpu_s", "wall_s", "private_mb", "mapped_mb", "wrong", "words"],
            "lines": self._lines,
            "compared": self._ratios,
            "audio_s": audio_s,
            "last_final_s": self._last_end_s,
            "memory_mb_per_hour": [rise, error],
        }

    def _hear_last_hour(self, new: Transcriber) -> Tally:
        """Feed the last hour to a new stream."""
        first, tally = self._last_hour[0].begin, Tally()
        ledger = Ledger(first)
        for placed in self._last_hour:
            ledger.add_clip(placed)
            ledger.add_words(words_of(feed(new, placed.samples)))
        ledger.add_words(words_of(new.finish()))
        for placed, words in ledger.settle(self._position):
            if placed.begin >= self._hour_begin:
                tally.add(placed, words, self._alone[placed.clip.path])
        print(f"last hour in a new stream: {tally}", flush=True)
        return tally


def main() -> int:
    """Run and print the figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("manifest", type=Path)
    parser.add_argument("--hours", type=float, default=10.0, help="length of the stream")
    parser.add_argument("--pause", type=float, default=0.0, help="silence after a clip, seconds")
    parser.add_argument("--seed", type=int, default=0, help="random seed of the order")
    parser.add_argument("--json", type=Path, help="file for the figures")
    known = parser.parse_args()
    clips = read_data_set(known.manifest)
    soak = Soak(clips, known.hours, round(known.pause * RATE_HZ), known.seed)
    figures = soak.run()
    if known.json:
        known.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
