"""A second opinion against our own finals: error rate, time an utterance, memory.

    python -m benchmarks.finals ENGINE MANIFEST [--every N] [--limit N]

Ours and the engine get the same utterances: those that the recogniser ends. The time is from
handing an utterance to the engine's process to its answer, with nothing else to do.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import numpy as np
import soundfile

from streamer import Final, Transcriber
from streamer.endpointing.settings import RATE_HZ
from streamer.finals import EngineProcess, parse_choice
from streamer.percentiles import percentile
from streamer.training.data.manifests import read_data_set
from streamer.training.evaluation.error_rates import errors, total
from streamer.training.language.normalisation import normalise

#: A clip's own silence may be too short for an endpoint.
TRAILING_SILENCE_S = 1.0


def peak_mb(pid: int | None) -> float:
    """Return the peak memory of a process in megabytes; Linux only."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024 / 1e6
    return float("nan")


def main() -> int:
    """Print a line of figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("engine", help="value of --finals")
    parser.add_argument("manifest", type=Path)
    parser.add_argument("--every", type=int, default=1, help="take every Nth clip")
    parser.add_argument("--limit", type=int, help="number of clips")
    known = parser.parse_args()
    clips = read_data_set(known.manifest)[:: known.every][: known.limit]
    engine = EngineProcess(parse_choice(known.engine))
    engine.submit(np.zeros(RATE_HZ, np.float32)).done.wait()  # loading does not count
    ours, theirs, times_s, audio_s = [], [], [], 0.0
    with Transcriber(partials=False, stats=False) as transcriber:
        for clip in clips:
            samples, rate_hz = soundfile.read(str(clip.path), dtype="float32")
            assert rate_hz == RATE_HZ, clip.path
            samples = np.append(samples, np.zeros(round(TRAILING_SILENCE_S * RATE_HZ), np.float32))
            events = [*transcriber.feed(samples), *transcriber.finish()]
            texts = []
            finals = [event for event in events if isinstance(event, Final)]
            for final in finals:
                piece = samples[round(final.start * RATE_HZ) : round(final.end * RATE_HZ)]
                began_s = time.monotonic()
                request = engine.submit(piece)
                request.done.wait()
                times_s.append(time.monotonic() - began_s)
                audio_s += len(piece) / RATE_HZ
                if request.failure:
                    print(f"{clip.path.name}: {request.failure}", file=sys.stderr)
                texts.append(request.said.text if request.said else final.text)
            ours.append(errors(clip.transcript, " ".join(final.text for final in finals)))
            theirs.append(errors(clip.transcript, normalise(" ".join(texts))))
    p50, p95 = (percentile(times_s, percent) or 0.0 for percent in (50, 95))
    print(
        f"{known.engine}, {known.manifest.name}, {len(clips)} clips, {len(times_s)} utterances of"
        f" {audio_s / max(1, len(times_s)):.1f} s: WER {total(theirs).wer:.1%}"
        f" (ours {total(ours).wer:.1%}); p50 {p50:.2f} s, p95 {p95:.2f} s, slowest"
        f" {max(times_s):.2f} s; process {peak_mb(engine.pid):.0f} MB"
    )
    engine.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
