"""Retracted characters, and the cost of a stable prefix.

Decodes a data set twice from the same probabilities, window by window: with the
streaming decoder, which keeps a stable prefix, and with the search alone, showing its
best hypothesis. A character is retracted when a text no longer starts with the text
shown before. Prints for each the retracted characters per final, the volatile
characters (shown but not yet stable), word error rate and milliseconds per window;
exits with 1 if a stable prefix was ever contradicted.

    python benchmarks/stability.py [TSV] [--model NAME|FOLDER] [--decoder beam|ds] [--limit N]
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from streamer.bundle import load_bundle
from streamer.decoding import Decoder
from streamer.decoding.search.contract import Search
from streamer.decoding.streaming import StreamingDecoder
from streamer.engine.model_loader import ModelChoice, load_decoder
from streamer.training.data.manifests import read_data_set
from streamer.training.evaluation.decoding import Utterance, posteriors
from streamer.training.evaluation.error_rates import edit_distance

DEV = Path(__file__).resolve().parents[2] / "shared" / "speech" / "dev.tsv"


def common_prefix_length(before: str, text: str) -> int:
    """Return the length of the common prefix of two texts."""
    pairs = enumerate(zip(before, text))
    return next((i for i, (old, new) in pairs if old != new), min(len(before), len(text)))


class Tally:
    """Adds up the figures of one way to decode."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.retracted = self.contradicted = self.volatile = 0
        self.errors = self.words = self.finals = self.windows = 0
        self.seconds = 0.0

    def show(self, texts: Sequence[str], stables: Sequence[str], transcript: str) -> None:
        """Add the texts of an utterance, the final one last, with their stable prefixes."""
        before = stable = ""
        for text, now_stable in zip(texts, stables):
            self.retracted += len(before) - common_prefix_length(before, text)
            self.contradicted += not text.startswith(stable) or not now_stable.startswith(stable)
            before, stable = text, now_stable
        self.volatile += sum(len(t) - len(s) for t, s in zip(texts[:-1], stables))
        self.errors += edit_distance(transcript.split(), texts[-1].split())
        self.words += len(transcript.split())
        self.finals += 1
        self.windows += len(texts) - 1

    def __str__(self) -> str:
        return (
            f"{self.name:16} {self.retracted / self.finals:17.1f} "
            f"{self.volatile / max(self.windows, 1):14.1f} {100 * self.errors / self.words:9.1f} "
            f"{1000 * self.seconds / max(self.windows, 1):10.2f} {self.contradicted:12}"
        )


def decode_streaming(decoder: Decoder, utterance: Utterance, tally: Tally) -> None:
    """Decode with the streaming decoder."""
    texts: list[str] = []
    stables: list[str] = []
    begun = time.process_time()
    decoder.reset()
    for window in utterance.windows:
        decoder.feed(window)
        hypothesis = decoder.hypothesis()
        texts.append(hypothesis.text)
        stables.append(hypothesis.stable)
    final = decoder.finish()
    tally.seconds += time.process_time() - begun
    tally.show([*texts, final.text], [*stables, final.stable], utterance.transcript)


def decode_search(search: Search, utterance: Utterance, tally: Tally) -> None:
    """Decode with the search alone: its best hypothesis after each window."""
    begun = time.process_time()
    search.reset()
    texts = []
    for window in utterance.windows:
        search.feed(window)
        texts.append(" ".join(search.candidates(1)[0].text.split()))
    search.finish()
    texts.append(" ".join(search.candidates(1)[0].text.split()))
    tally.seconds += time.process_time() - begun
    tally.show(texts, [""] * len(texts), utterance.transcript)


def main() -> int:
    """Measure both ways and print the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", nargs="?", type=Path, default=DEV, help="TSV of path, transcript")
    parser.add_argument("--model", default="english")
    parser.add_argument("--decoder", default="auto", choices=["auto", "beam", "ds"])
    parser.add_argument("--limit", type=int, default=1_000_000, help="maximum number of recordings")
    options = parser.parse_args()
    bundle = load_bundle(options.model)
    utterances = posteriors(bundle, read_data_set(options.data)[: options.limit])
    decoder = load_decoder(bundle, ModelChoice(options.model, decoder=options.decoder))
    assert isinstance(decoder, StreamingDecoder)
    streaming, search = Tally(f"{decoder.name}, kept"), Tally(f"{decoder.name}, plain")
    for utterance in utterances:
        decode_streaming(decoder, utterance, streaming)
        decode_search(decoder.search, utterance, search)
    print(f"{len(utterances)} recordings of {options.data}, model {bundle.name}")
    print(f"{'view':16} retracted/final  volatile chars     WER %  ms/window  contradicted")
    print(streaming)
    print(search)
    return 1 if streaming.contradicted else 0


if __name__ == "__main__":
    sys.exit(main())
