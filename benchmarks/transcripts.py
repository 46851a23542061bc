"""The final transcripts of a data set, and a hash over all of them.

    python -m benchmarks.transcripts MANIFEST [--limit N] [--output FILE] [--partials]

Run it before and after a change that must not affect recognition: the hashes are equal only if
all finals are exactly the same. With ``--partials`` it also counts the partials, and those events
that take back something of text or display that was said to be stable.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from collections.abc import Iterator
from pathlib import Path

import soundfile

from streamer import Event, Final, Partial, Transcriber
from streamer.training.data.manifests import read_data_set

#: Samples per call: 20 ms at 16 kHz, as from a microphone.
BLOCK_SAMPLES = 320


class Promises:
    """Counts what was said to be stable and changed all the same.

    Attributes:
        partials: seen so far.
        broken: events that took something back.
    """

    def __init__(self) -> None:
        self.partials = self.broken = 0
        self._text = self._display = ""

    def check(self, event: Partial | Final) -> None:
        """Compare an event with those before."""
        kept = event.text.startswith(self._text) and event.display.startswith(self._display)
        self.broken += not kept
        self._text = self._display = ""
        if isinstance(event, Partial):
            self.partials += 1
            self._text, self._display = event.stable, event.display_stable


def finals(transcriber: Transcriber, recording: Path, promises: Promises) -> Iterator[str]:
    """Yield the finals of a recording that is fed in blocks, as from a microphone."""
    samples, _ = soundfile.read(str(recording), dtype="float32")
    events: list[Event] = []
    for start in range(0, len(samples), BLOCK_SAMPLES):
        events += transcriber.feed(samples[start : start + BLOCK_SAMPLES])
    for event in events + transcriber.finish():
        if isinstance(event, (Partial, Final)):
            promises.check(event)
        if isinstance(event, Final):
            yield event.text


def main() -> int:
    """Print the number of finals and the hash."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("manifest", type=Path)
    parser.add_argument("--limit", type=int, help="number of clips, from the first")
    parser.add_argument("--output", type=Path, help="file for the finals, one per line")
    parser.add_argument("--partials", action="store_true", help="count broken promises too")
    known = parser.parse_args()
    lines = []
    promises = Promises()
    with Transcriber(partials=known.partials, stats=False) as transcriber:
        for clip in read_data_set(known.manifest)[: known.limit]:
            texts = finals(transcriber, clip.path, promises)
            lines += [f"{clip.path.name}\t{text}" for text in texts]
    if known.output:
        known.output.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    digest = hashlib.sha256("\n".join(lines).encode()).hexdigest()
    print(f"{len(lines)} finals, sha256 {digest}")
    if known.partials:
        print(f"{promises.partials} partials, {promises.broken} contradicted")
    return 0


if __name__ == "__main__":
    sys.exit(main())
