"""How many characters a reader sees taken back, and what holding on to words costs.

Decodes a data set twice from the same probabilities, a window at a time: with the
decoder as it is (its stable prefix kept), and as a plain view of the search's best
hypothesis. A character is retracted when a text no longer begins with what was shown
before it. Prints for each view retracted characters per final, the volatile
characters (shown, not yet stable), word error rate and milliseconds per window; exits
with 1 if a stable prefix was ever contradicted.

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
from streamer.training.evaluation.error_rates import edit_distance
from streamer.training.tune import Utterance, posteriors

DEV = Path(__file__).resolve().parents[2] / "shared" / "speech" / "dev.tsv"


def agreement(before: str, text: str) -> int:
    """How many characters two texts begin with in common."""
    pairs = enumerate(zip(before, text))
    return next((i for i, (old, new) in pairs if old != new), min(len(before), len(text)))


class Measured:
    """Adds up what a view shows."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.retracted = self.contradicted = self.volatile = 0
        self.errors = self.words = self.finals = self.windows = 0
        self.seconds = 0.0

    def show(self, texts: Sequence[str], stables: Sequence[str], transcript: str) -> None:
        """Take the texts of an utterance, the final one last, and their stable prefixes."""
        before = stable = ""
        for text, settled in zip(texts, stables):
            self.retracted += len(before) - agreement(before, text)
            self.contradicted += not text.startswith(stable) or not settled.startswith(stable)
            before, stable = text, settled
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


def kept(decoder: Decoder, utterance: Utterance, measured: Measured) -> None:
    """Decode with the stable prefix kept."""
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
    measured.seconds += time.process_time() - begun
    measured.show([*texts, final.text], [*stables, final.stable], utterance.transcript)


def plain(search: Search, utterance: Utterance, measured: Measured) -> None:
    """Decode the same with nothing kept: the best hypothesis as it comes."""
    begun = time.process_time()
    search.reset()
    texts = []
    for window in utterance.windows:
        search.feed(window)
        texts.append(" ".join(search.candidates(1)[0].text.split()))
    search.finish()
    texts.append(" ".join(search.candidates(1)[0].text.split()))
    measured.seconds += time.process_time() - begun
    measured.show(texts, [""] * len(texts), utterance.transcript)


def main() -> int:
    """Measure both views and print them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", nargs="?", type=Path, default=DEV, help="TSV of path, transcript")
    parser.add_argument("--model", default="english")
    parser.add_argument("--decoder", default="auto", choices=["auto", "beam", "ds"])
    parser.add_argument("--limit", type=int, default=1_000_000, help="recordings at most")
    options = parser.parse_args()
    bundle = load_bundle(options.model)
    utterances = posteriors(bundle, read_data_set(options.data)[: options.limit])
    decoder = load_decoder(bundle, ModelChoice(options.model, decoder=options.decoder))
    assert isinstance(decoder, StreamingDecoder)
    ours, theirs = Measured(f"{decoder.name}, kept"), Measured(f"{decoder.name}, plain")
    for utterance in utterances:
        kept(decoder, utterance, ours)
        plain(decoder.search, utterance, theirs)
    print(f"{len(utterances)} recordings of {options.data}, model {bundle.name}")
    print(f"{'view':16} retracted/final  volatile chars     WER %  ms/window  contradicted")
    print(ours)
    print(theirs)
    return 1 if ours.contradicted else 0


if __name__ == "__main__":
    sys.exit(main())
