"""What `streamer adapt` gains: many speakers, each adapted on some clips and judged on the rest.

    python -m benchmarks.adaptation ../shared/speech/dev-accented.tsv --learn 5 10 15 --speakers 30

Also prints how often the command would have kept the adapted model (`Adaptation.cross_validate`
with ``--decide``, five times the work), and what a speaker gets who follows its advice.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from streamer.bundle import load_bundle
from streamer.training.adaptation.adapt import LEAST_SENTENCES, Adaptation, Gain
from streamer.training.adaptation.fitting import FitSettings
from streamer.training.data.manifests import Clip, read_data_set

_DEFAULTS = FitSettings()


@dataclass(frozen=True)
class Row:
    """One speaker: what a model adapted on ``learned`` clips gains on the others."""

    learned: int
    gain: Gain
    kept: bool


def measure(model: str, clips: Sequence[Clip], learn: Sequence[int], settings: FitSettings,
            decide: bool) -> list[Row]:  # fmt: skip
    """Return a row for each number of clips to learn from."""
    bundle = load_bundle(model)
    whole = Adaptation(bundle, clips, settings)
    rows = []
    for count in learn:
        learned, others = whole.sentences[:count], whole.sentences[max(learn) :]
        kept = True
        if decide and count >= LEAST_SENTENCES:
            kept = Adaptation(bundle, clips[:count], settings).cross_validate().helps
        rows.append(Row(count, whole.judge(whole.fit(learned), others), kept))
    return rows


def summary(rows: Sequence[Row]) -> str:
    """Return a line: word error rates before and after over all speakers, and their spread."""
    words = sum(row.gain.words for row in rows)
    before = sum(row.gain.before for row in rows)
    after = sum(row.gain.after for row in rows)
    advised = sum(row.gain.after if row.kept else row.gain.before for row in rows)
    changes = np.array([(row.gain.after - row.gain.before) / row.gain.words for row in rows])
    return (
        f"{rows[0].learned:3} clips, {len(rows)} speakers: {before / words:6.1%} -> "
        f"{after / words:6.1%} of {words} words wrong; by speaker "
        f"{changes.mean():+.1%} (deviation {changes.std():.1%}), better {int((changes < 0).sum())},"
        f" worse {int((changes > 0).sum())}; kept {sum(row.kept for row in rows)}: "
        f"{advised / words:.1%}"
    )


def main() -> None:
    """Print a line for each speaker and number of clips, then the summaries."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("data", type=Path, help="manifest with speakers")
    parser.add_argument("--model", default="english")
    parser.add_argument("--learn", type=int, nargs="+", default=[5, 10, 15])
    parser.add_argument("--speakers", type=int, default=30)
    parser.add_argument("--decide", action="store_true")
    parser.add_argument("--steps", type=int, default=_DEFAULTS.steps)
    parser.add_argument("--rate", type=float, default=_DEFAULTS.learning_rate)
    parser.add_argument("--crf", type=float, default=_DEFAULTS.crf_weight)
    parser.add_argument("--caution", type=float, default=_DEFAULTS.caution)
    parser.add_argument("--seed", type=int, default=0, help="of the choice of speakers")
    options = parser.parse_args()
    torch.set_num_threads(1)
    settings = replace(
        _DEFAULTS, steps=options.steps, learning_rate=options.rate, crf_weight=options.crf,
        caution=options.caution,
    )  # fmt: skip
    speakers: dict[str, list[Clip]] = {}
    for clip in read_data_set(options.data):
        speakers.setdefault(clip.speaker, []).append(clip)
    names = [name for name, clips in speakers.items() if len(clips) >= max(options.learn) + 5]
    random.Random(options.seed).shuffle(names)
    rows: dict[int, list[Row]] = {count: [] for count in options.learn}
    for name in sorted(names[: options.speakers]):
        found = measure(options.model, speakers[name], options.learn, settings, options.decide)
        for row in found:
            rows[row.learned].append(row)
        line = ", ".join(f"{r.learned}: {r.gain.before} -> {r.gain.after}" for r in found)
        print(f"{name}: {line} of {found[0].gain.words} words", flush=True)
    for each in rows.values():
        print(summary(each))


if __name__ == "__main__":
    main()
