"""The final transcripts of a data set, and a hash over all of them.

    python -m benchmarks.transcripts MANIFEST [--limit N] [--output FILE]

Run it before and after a change that must not affect recognition: the hashes are equal only if
all finals are exactly the same.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from collections.abc import Iterator
from pathlib import Path

import soundfile

from streamer import Final, Transcriber
from streamer.training.data.manifests import read_data_set

#: Samples per call: 20 ms at 16 kHz, as from a microphone.
BLOCK_SAMPLES = 320


def finals(transcriber: Transcriber, recording: Path) -> Iterator[str]:
    """Yield the finals of a recording that is fed in blocks, as from a microphone."""
    samples, _ = soundfile.read(str(recording), dtype="float32")
    for start in range(0, len(samples), BLOCK_SAMPLES):
        for event in transcriber.feed(samples[start : start + BLOCK_SAMPLES]):
            if isinstance(event, Final):
                yield event.text
    yield from (event.text for event in transcriber.finish() if isinstance(event, Final))


def main() -> int:
    """Print the number of finals and the hash."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("manifest", type=Path)
    parser.add_argument("--limit", type=int, help="number of clips, from the first")
    parser.add_argument("--output", type=Path, help="file for the finals, one per line")
    known = parser.parse_args()
    lines = []
    with Transcriber(partials=False, stats=False) as transcriber:
        for clip in read_data_set(known.manifest)[: known.limit]:
            lines += [f"{clip.path.name}\t{text}" for text in finals(transcriber, clip.path)]
    if known.output:
        known.output.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    digest = hashlib.sha256("\n".join(lines).encode()).hexdigest()
    print(f"{len(lines)} finals, sha256 {digest}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
