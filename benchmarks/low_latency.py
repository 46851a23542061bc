"""What ``--latency low`` changes: transcripts that differ, probabilities, and processor time.

    python -m benchmarks.low_latency MANIFEST [--limit N]

Each clip is fed in blocks of 20 ms with either latency. The probabilities are the same, but the
search is asked four times as often and an utterance may end earlier. Prints the finals that
differ, one below the other, the share of words that do, and the largest difference of the
probabilities of the first clips' windows.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import numpy as np

from benchmarks.transcripts import Promises, finals
from streamer import Transcriber
from streamer.bundle import load_bundle
from streamer.convert.check.check_inputs import read_samples
from streamer.convert.check.precision_table import word_errors
from streamer.features import Framer
from streamer.models.backends import LATENCIES, load_acoustic_model
from streamer.training.data.manifests import read_data_set

#: Clips whose probabilities are compared.
COMPARED = 5


def probabilities(latency: str, clips: list[Path]) -> tuple[np.ndarray, float]:
    """Return the probabilities of clips, each a stream, and processor time by the second."""
    bundle = load_bundle()
    model = load_acoustic_model(bundle, latency=latency)
    rows, busy_s, heard_s = [], 0.0, 0.0
    for clip in clips:
        framer = Framer(bundle.front_end(), model.n_steps, model.n_context)
        samples = read_samples(clip, 16000, 60.0)
        heard_s += len(samples) / 16000
        windows = [*framer.feed(samples), *framer.finish()]
        state = model.initial_state()
        begin_s = time.process_time()
        for window in windows:
            found, state = model.infer(window.features, window.n, state)
            rows.append(found.copy())
        busy_s += time.process_time() - begin_s
    return np.concatenate(rows), busy_s / heard_s


def main() -> int:
    """Print what differs; the exit code is 1 if more than one word in a hundred does."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("manifest", type=Path)
    parser.add_argument("--limit", type=int, help="number of clips, from the first")
    known = parser.parse_args()
    clips = [clip.path for clip in read_data_set(known.manifest)[: known.limit]]
    texts: dict[str, list[list[str]]] = {}
    for latency in LATENCIES:
        begin_s = time.process_time()
        with Transcriber(stats=False, latency=latency) as transcriber:
            texts[latency] = [list(finals(transcriber, clip, Promises())) for clip in clips]
        print(f"{latency:6} {time.process_time() - begin_s:.1f} s of processor time")
    words = changed = different = 0
    for clip, normal, low in zip(clips, texts["normal"], texts["low"]):
        before, after = " ".join(normal).split(), " ".join(low).split()
        words += len(before)
        if normal != low:
            different += 1
            changed += word_errors(before, after)
            print(f"{clip.name}\n  normal  {' | '.join(normal)}\n  low     {' | '.join(low)}")
    found = {latency: probabilities(latency, clips[:COMPARED]) for latency in LATENCIES}
    largest = float(np.abs(found["normal"][0] - found["low"][0]).max())
    print(f"{different} of {len(clips)} transcripts differ, in {changed} of {words} words")
    print(f"largest difference of {found['low'][0].shape[0]} frames: {largest:.1e}")
    for latency, (_, cost) in found.items():
        print(f"{latency:6} network: {1000 * cost:.1f} ms of processor time a second of audio")
    return int(changed > words / 100)


if __name__ == "__main__":
    sys.exit(main())
