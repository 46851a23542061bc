"""Hours of speech at full speed: what changes with time, and what must not.

    python -m benchmarks.soak MANIFEST [--hours 10] [--pause 0] [--seed 0] [--json FILE]

The clips are joined in a random order, again and again, and fed to one stream. Prints a line for
every ten minutes of audio, so that an interrupted run counts as well. At the end:

* memory: its slope after the first hour, and the standard error of that slope;
* cost: processor time of a minute of audio, compared with a new stream that hears the same minute
  at the same time (second by second in turn, so that a busy machine slows both);
* words: errors of the last hour, of a new stream that hears the same hour, and of each clip alone;
* the end of the last final against the end of the audio.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections import defaultdict
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
HOUR_SAMPLES = 60 * MINUTE_SAMPLES
#: Audio between two lines.
REPORT_MINUTES = 10
#: A new stream hears every sixtieth minute too.
COMPARED_MINUTES = 60
#: Audio that the two streams hear in turn.
TURN_SAMPLES = RATE_HZ


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


def by_clip(words: Sequence[Word], placed: Sequence[Placed], offset: int = 0) -> list[list[str]]:
    """Divide words among clips by the middle of each word.

    Args:
        words: with times in seconds.
        placed: the clips.
        offset: position in the playlist of the stream's first sample.
    """
    ends = np.array([where.end for where in placed])
    texts: dict[int, list[str]] = defaultdict(list)
    for word in words:
        middle = round((word.start + word.end) / 2 * RATE_HZ) + offset
        texts[int(np.searchsorted(ends, middle, side="right"))].append(word.word)
    return [texts[i] for i in range(len(placed))]


def slope(hours: Sequence[float], values: Sequence[float]) -> tuple[float, float]:
    """Return the slope of values over hours, and its standard error."""
    if len(hours) < 3:
        return float("nan"), float("nan")
    x, y = np.asarray(hours) - np.mean(hours), np.asarray(values) - np.mean(values)
    rise = float(x @ y / (x @ x))
    rest = y - rise * x
    return rise, float(np.sqrt(rest @ rest / (len(x) - 2) / (x @ x)))


def word_errors(found: Sequence[Sequence[str]], placed: Sequence[Placed]) -> float:
    """Return the word error rate of the texts of clips."""
    wanted = [where.clip.transcript.split() for where in placed]
    edits = sum(edit_distance(w, f) for w, f in zip(wanted, found))
    return edits / max(1, sum(map(len, wanted)))


def different(first: Sequence[Sequence[str]], second: Sequence[Sequence[str]]) -> tuple[int, int]:
    """Return the number of words that differ, and of words."""
    edits = sum(edit_distance(a, b) for a, b in zip(first, second))
    return edits, sum(map(len, first))


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
        self._length = round(hours * HOUR_SAMPLES)
        self._kept_from = max(0, self._length - HOUR_SAMPLES)
        self._rest: FloatArray = np.zeros(0, np.float32)
        self._placed: list[Placed] = []  # clips of the last hour
        self._events: list[Event] = []  # finals of the last hour
        self._memory: list[tuple[float, float]] = []
        self.figures: dict[str, Any] = {"hours": hours, "pause_s": pause / RATE_HZ, "lines": []}
        self.figures["compared"] = []

    def run(self) -> None:
        """Feed everything, and report."""
        with Transcriber() as old, Transcriber() as new:
            old.load(), new.load()
            feed(new, np.zeros(RATE_HZ, np.float32))  # both have computed something
            new.finish()
            self._listen(old, new)
            self._compare_words(new)

    def _listen(self, old: Transcriber, new: Transcriber) -> None:
        cost_s = wall_s = 0.0
        minutes = self._length // MINUTE_SAMPLES
        for minute in range(1, minutes + 1):
            samples = self._next(MINUTE_SAMPLES)
            begin_s, begin_wall_s = time.process_time(), time.monotonic()
            if minute % COMPARED_MINUTES in (0, 1):
                events, old_s, new_s = feed_both(old, new, samples)
                new.finish()
                begin_s += new_s
                self._compared(minute, old_s, new_s)
            else:
                events = feed(old, samples)
            cost_s += time.process_time() - begin_s
            wall_s += time.monotonic() - begin_wall_s
            self._keep(events)
            if minute % REPORT_MINUTES == 0:
                self._line(minute, cost_s / REPORT_MINUTES, wall_s / REPORT_MINUTES)
                cost_s = wall_s = 0.0
        self._keep(old.finish())
        last = max((e.end for e in self._events if isinstance(e, Final)), default=0.0)
        audio_s = minutes * 60.0
        self.figures["last_final_s"], self.figures["audio_s"] = last, audio_s
        print(f"last final ends at {last:.2f} s of {audio_s:.2f} s", flush=True)
        rise, error = slope(*zip(*[m for m in self._memory if m[0] > 1] or self._memory))
        self.figures["memory_mb_per_hour"] = [rise, error]
        print(f"private memory: {rise:+.3f} MB an hour, standard error {error:.3f}", flush=True)

    def _next(self, count: int) -> FloatArray:
        """Return the next samples of the playlist."""
        parts, n = [self._rest], len(self._rest)
        while n < count:
            placed = next(self._playlist)
            if placed.end > self._kept_from:
                self._placed.append(placed)
            parts.append(placed.samples)
            n += len(placed.samples)
        samples = np.concatenate(parts)
        self._rest = samples[count:].copy()
        return samples[:count]

    def _keep(self, events: Sequence[Event]) -> None:
        since = self._kept_from / RATE_HZ
        self._events += [e for e in events if isinstance(e, Final) and e.end > since]

    def _compared(self, minute: int, old_s: float, new_s: float) -> None:
        self.figures["compared"].append([minute, old_s, new_s])
        ratio = old_s / new_s
        print(f"minute {minute}: {old_s:.2f} s, a new stream {new_s:.2f} s, ratio {ratio:.3f}")

    def _line(self, minute: int, cost_s: float, wall_s: float) -> None:
        private, mapped = resident_parts_mb() or (float("nan"), float("nan"))
        self._memory.append((minute / 60, private))
        self.figures["lines"].append([minute, cost_s, wall_s, private, mapped])
        print(
            f"{minute // 60:3}:{minute % 60:02}  {cost_s:.2f} s of processor time a minute, "
            f"{wall_s:.2f} s in all; {private:.1f} MB private, {mapped:.1f} MB mapped",
            flush=True,
        )

    def _compare_words(self, new: Transcriber) -> None:
        """Hear the last hour again: in a new stream, and each clip alone."""
        begin, end = self._kept_from, self._length // MINUTE_SAMPLES * MINUTE_SAMPLES
        hour = np.concatenate([where.samples for where in self._placed])
        first = self._placed[0].begin
        again = words_of(feed(new, hour[begin - first : end - first]) + new.finish())
        whole = [where for where in self._placed if begin <= where.begin and where.end <= end]
        chosen = [self._placed.index(where) for where in whole]
        old_texts = by_clip(words_of(self._events), self._placed)
        new_texts = by_clip(again, self._placed, begin)
        texts = {
            "long stream": [old_texts[i] for i in chosen],
            "new stream": [new_texts[i] for i in chosen],
            "each clip alone": _alone(new, whole),
        }
        for name, found in texts.items():
            self.figures[name] = word_errors(found, whole)
            print(f"last hour, {name}: {self.figures[name]:.1%} of the words wrong", flush=True)
        for name in ("new stream", "each clip alone"):
            edits, words = different(texts["long stream"], texts[name])
            self.figures[f"different from {name}"] = [edits, words]
            print(f"long stream and {name} differ in {edits} of {words} words")


def _alone(transcriber: Transcriber, placed: Sequence[Placed]) -> list[list[str]]:
    """Return the words of each clip alone; a clip is heard once."""
    heard: dict[Path, list[str]] = {}
    for where in placed:
        if where.clip.path not in heard:
            words = words_of(feed(transcriber, where.samples) + transcriber.finish())
            heard[where.clip.path] = [word.word for word in words]
    return [heard[where.clip.path] for where in placed]


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
    soak.run()
    if known.json:
        known.json.write_text(json.dumps(soak.figures, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
