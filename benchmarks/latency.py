"""Word latency: how long after a word's end in the sound it is shown, stable and final.

    python -m benchmarks.latency MANIFEST [--limit N] [--model NAME|FOLDER ...] [--json FILE]
        [--latency normal low]

The end of each word comes from a forced alignment of the transcript by PocketSphinx
(``pip install pocketsphinx``), which knows nothing of our network; words that its dictionary lacks
get their pronunciation from the bundled lexicon. Each clip is fed in blocks of 20 ms as from a
microphone. An event is there when its last block is recorded and the processor has done the work
of all blocks so far, so the sound's own time and the processor's count, but not what else the
machine does at the same time. Only words that the final has right count:

    shown     first partial that has the word in its place
    stable    first event whose stable prefix has it
    final     the final of its utterance
    silence   the same, for the last word of an utterance only: includes the pause that ends it

A word may be shown before its end (negative), from its beginning and the language model.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any, NamedTuple

import soundfile

from benchmarks.transcripts import BLOCK_SAMPLES
from streamer import Event, Final, Partial, Transcriber
from streamer.bundle import load_bundle
from streamer.decoding.lexicon.letter_to_sound import PHONEMES
from streamer.decoding.lexicon.lexicon import Lexicon, read_lexicon
from streamer.percentiles import percentile
from streamer.training.data.manifests import Clip, read_data_set

#: Samples a second, and PocketSphinx's frames.
RATE_HZ, FRAMES_PER_S = 16000, 100
KINDS = ("shown", "stable", "final", "silence")


class Timed(NamedTuple):
    """An event, and when it was there, in seconds from the clip's first sample."""

    event: Partial | Final
    at_s: float


class Aligner:
    """Finds the end of each word of a transcript in its recording.

    Args:
        lexicon: pronunciations of words that PocketSphinx does not know.
    """

    def __init__(self, lexicon: Lexicon) -> None:
        from pocketsphinx import Decoder

        self._lexicon = lexicon
        self._decoder = Decoder(lm=None, loglevel="FATAL", bestpath=False)

    def ends(self, transcript: str, pcm: Any) -> list[float]:
        """Return the end of each word in seconds; empty if the recording cannot be aligned.

        Args:
            transcript: words in lower case.
            pcm: int16 (n,) at 16 kHz.
        """
        for word in transcript.split():
            if self._decoder.lookup_word(word) is None:
                phonemes = self._lexicon.pronunciations(word)[0]
                self._decoder.add_word(word, " ".join(PHONEMES[p] for p in phonemes), True)
        self._decoder.set_align_text(transcript)
        self._decoder.start_utt()
        self._decoder.process_raw(pcm.tobytes(), full_utt=True)
        self._decoder.end_utt()
        segments = self._decoder.seg()
        if segments is None:
            return []
        found = [s for s in segments if not s.word.startswith(("<", "["))]
        ends = [(s.end_frame + 1) / FRAMES_PER_S for s in found]
        return ends if len(ends) == len(transcript.split()) else []


def streamed(transcriber: Transcriber, samples: Any) -> Iterator[Timed]:
    """Yield partials and finals of a clip, with the time at which each is there."""
    now_s = 0.0
    for start in range(0, len(samples) + BLOCK_SAMPLES, BLOCK_SAMPLES):
        block = samples[start : start + BLOCK_SAMPLES]
        began_s = time.process_time()
        events: list[Event] = transcriber.feed(block) if len(block) else transcriber.finish()
        recorded_s = min(start + BLOCK_SAMPLES, len(samples)) / RATE_HZ
        now_s = max(now_s, recorded_s) + time.process_time() - began_s
        yield from (Timed(e, now_s) for e in events if isinstance(e, (Partial, Final)))
        if not len(block):
            return


def first_times(utterance: Sequence[Timed]) -> list[tuple[float, float, float]]:
    """Return when each word of an utterance was first shown, stable and final, in seconds.

    Args:
        utterance: its events; the last one is the final.
    """
    words = utterance[-1].event.text.split()
    times = []
    for place, word in enumerate(words):
        shown = next(t.at_s for t in utterance if t.event.text.split()[place : place + 1] == [word])
        # Its last letter is stable; without what follows, it may still grow ("an", "and").
        length = len(" ".join(words[: place + 1])) + (place + 1 < len(words))
        stable = next(t.at_s for t in utterance if len(t.event.stable) >= length)
        times.append((shown, stable, utterance[-1].at_s))
    return times


def clip_latencies(
    events: Sequence[Timed], transcript: Sequence[str], ends: Sequence[float]
) -> Iterator[tuple[str, float]]:
    """Yield kind and latency in seconds of the words that the finals have right.

    Args:
        events: of the whole clip.
        transcript: its words.
        ends: the end of each, in seconds.
    """
    words: list[str] = []
    times: list[tuple[float, float, float]] = []
    last: set[int] = set()
    segments = sorted({t.event.segment for t in events})
    for segment in segments:
        utterance = [t for t in events if t.event.segment == segment]
        if not isinstance(utterance[-1].event, Final) or not utterance[-1].event.text:
            continue
        words += utterance[-1].event.text.split()
        times += first_times(utterance)
        last.add(len(words) - 1)
    matcher = SequenceMatcher(None, words, list(transcript), autojunk=False)
    for a, b, size in matcher.get_matching_blocks():
        for k in range(size):
            latencies = [at - ends[b + k] for at in times[a + k]]
            yield from zip(KINDS, latencies)
            if a + k in last:
                yield "silence", latencies[-1]


def measure(model: str, latency: str, clips: Sequence[Clip], aligner: Aligner) -> dict[str, Any]:
    """Return the figures of one model with windows of 16 steps (normal) or 4 (low)."""
    found: dict[str, list[float]] = {kind: [] for kind in KINDS}
    aligned = 0
    with Transcriber(model, stats=False, latency=latency) as transcriber:
        for clip in clips:
            pcm, rate_hz = soundfile.read(str(clip.path), dtype="int16")
            if rate_hz != RATE_HZ or pcm.ndim != 1:
                continue
            ends = aligner.ends(clip.transcript, pcm)
            events = list(streamed(transcriber, pcm))
            if not ends:
                continue
            aligned += 1
            for kind, latency_s in clip_latencies(events, clip.transcript.split(), ends):
                found[kind].append(1000 * latency_s)
    figures = {
        kind: {
            "words": len(values),
            **{f"p{p}_ms": round(percentile(values, p) or 0.0) for p in (50, 90, 99)},
        }
        for kind, values in found.items()
    }
    return {"model": model, "latency": latency, "clips": aligned, **figures}


def main() -> int:
    """Print a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("manifest", type=Path)
    parser.add_argument("--limit", type=int, help="number of clips, from the first")
    parser.add_argument("--model", action="append", help="may be repeated; english by default")
    parser.add_argument("--latency", nargs="+", default=["normal"], choices=["normal", "low"])
    parser.add_argument("--json", type=Path, help="file for the figures")
    options = parser.parse_args()
    lexicon_path = load_bundle("english").lexicon_path
    assert lexicon_path is not None
    try:
        aligner = Aligner(read_lexicon(lexicon_path))
    except ImportError:
        print("error: PocketSphinx is not installed - pip install pocketsphinx", file=sys.stderr)
        return 1
    clips = read_data_set(options.manifest)[: options.limit]
    rows = [
        measure(model, latency, clips, aligner)
        for model in options.model or ["english"]
        for latency in options.latency
    ]
    print("| model, latency | words | shown p50 / p90 | stable | final | after the last word |")
    print("| --- | --- | --- | --- | --- | --- |")
    for row in rows:
        cells = [f"{row[kind]['p50_ms']} / {row[kind]['p90_ms']} ms" for kind in KINDS]
        print(
            f"| {row['model']}, {row['latency']} | {row['shown']['words']} | {' | '.join(cells)} |"
        )
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
