"""Fits the confidence of words to a model, and reports how honest it is.

    python -m streamer.training.confidence dev.tsv [dev-accented.tsv] [--model FOLDER]
        [--per-speaker 4] [--cache FOLDER] [--write]

Hears the clips through the streaming path, as from a microphone, and keeps the evidence of every
word of the finals (`streamer.decoding.evidence`). Half of the speakers of each manifest fit a
logistic regression of whether a word is right; the other half shows the reliability curve, the
area under the ROC curve and what a live view marks. Prints what belongs into ``model.json``, under
``decoding``, and with ``--write`` puts it there. The data must have trained nothing of the model.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import soundfile

from streamer.arrays import Array, FloatArray
from streamer.bundle import load_bundle, write_bundle
from streamer.decoding.confidence import FEATURES, Calibration, features
from streamer.decoding.evidence import Evidence
from streamer.decoding.streaming import StreamingDecoder
from streamer.engine.model_loader import ModelChoice, load_model
from streamer.engine.recogniser import Recogniser
from streamer.engine.settings import RecogniserSettings
from streamer.events import Event, Final
from streamer.training.data.manifests import Clip, read_data_set
from streamer.training.evaluation.error_rates import matches

#: Samples in a block, as a microphone delivers them: 20 ms.
_BLOCK_SAMPLES = 320
#: Strength of the penalty on the weights of standardised features.
RIDGE = 3.0
_STEPS = 50
#: Share of the marked words that has to be wrong, over all speakers: with half of them, chance
#: moves the threshold by a tenth.
LEAST_WRONG = 0.5
BINS = 10


@dataclass(frozen=True)
class Heard:
    """The words of an utterance.

    Attributes:
        evidence: of each, (n, fields of `Evidence`).
        right: whether each is right, 0 or 1, (n,).
        speaker: who said them.
    """

    evidence: FloatArray
    right: FloatArray
    speaker: str

    @property
    def features(self) -> FloatArray:
        """What the regression is given, (n, `FEATURES`)."""
        return features([Evidence(*row) for row in self.evidence])


class Recorder:
    """Numbers evidence instead of judging it: the number takes the place of the confidence."""

    doubtful = 0.0

    def __init__(self) -> None:
        self.rows: list[Evidence] = []

    def probabilities(self, evidence: Sequence[Evidence]) -> FloatArray:
        """Keep the evidence of words, and return their numbers."""
        begin = len(self.rows)
        self.rows.extend(evidence)
        return np.arange(begin, len(self.rows), dtype=np.float32)


def hear(clips: Sequence[Clip], model: str) -> list[Heard]:
    """Return the words of the finals of clips with their evidence."""
    loaded = load_model(ModelChoice(model))
    decoder = loaded.stages.decoder
    assert isinstance(decoder, StreamingDecoder)
    settings = RecogniserSettings(partials=False, stats=False)
    recogniser = Recogniser(loaded.stages, settings)
    heard = []
    for n, clip in enumerate(clips):
        recorder = decoder.estimator = Recorder()
        samples, _ = soundfile.read(str(clip.path), dtype="float32")
        recogniser.reset()
        events: list[Event] = []
        for start in range(0, len(samples), _BLOCK_SAMPLES):
            events += recogniser.feed(samples[start : start + _BLOCK_SAMPLES])
        finals = [each for each in events + recogniser.finish() if isinstance(each, Final)]
        words = [word.word for final in finals for word in final.words]
        right = iter(matches(clip.transcript.split(), words))
        for final in finals:
            rows = [recorder.rows[int(word.confidence)] for word in final.words]
            flags = np.array([float(next(right)) for _ in rows])
            heard.append(Heard(np.array(rows), flags, clip.speaker))
        if n % 20 == 0:
            print(f"{n} of {len(clips)} clips", file=sys.stderr)
    return heard


def of_each_speaker(clips: Sequence[Clip], n: int | None) -> list[Clip]:
    """Return at most n clips of each speaker, evenly spread; all of them for None."""
    if n is None:
        return list(clips)
    by_speaker: dict[str, list[Clip]] = defaultdict(list)
    for clip in clips:
        by_speaker[clip.speaker].append(clip)
    return [
        clip
        for group in by_speaker.values()
        for clip in group[:: max(1, len(group) // n)][:n]
    ]  # fmt: skip


def fit(columns: FloatArray, right: FloatArray) -> tuple[FloatArray, float]:
    """Fit a logistic regression by Newton's method; returns weights and bias.

    Args:
        columns: features, (n, k).
        right: 0 or 1, (n,).
    """
    mean, spread = columns.mean(axis=0), columns.std(axis=0) + 1e-9
    design = np.column_stack([(columns - mean) / spread, np.ones(len(columns))])
    penalty = np.append(np.full(columns.shape[1], RIDGE), 0.0)
    solution = np.zeros(design.shape[1])
    for _ in range(_STEPS):
        likely = 1 / (1 + np.exp(-design @ solution))
        slope = design.T @ (likely - right) + penalty * solution
        curvature = (design * (likely * (1 - likely))[:, None]).T @ design + np.diag(penalty)
        solution -= np.linalg.solve(curvature, slope)
    weights = solution[:-1] / spread
    return weights, float(solution[-1] - weights @ mean)


def area_under_roc(confidence: FloatArray, right: FloatArray) -> float:
    """Return how likely a right word has a higher confidence than a wrong one (Mann-Whitney)."""
    _, inverse, counts = np.unique(confidence, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    n_right = right.sum()
    n_wrong = len(right) - n_right
    return float((ranks[right == 1].sum() - n_right * (n_right + 1) / 2) / (n_right * n_wrong))


def marked(confidence: FloatArray, right: FloatArray, threshold: float) -> tuple[float, float]:
    """Return which share of the marked words is wrong, and which of the wrong words is marked."""
    below = confidence < threshold
    wrong = right == 0
    both = float((below & wrong).sum())
    return both / max(1, below.sum()), both / max(1, wrong.sum())


def choose_threshold(parts: Sequence[tuple[FloatArray, FloatArray]]) -> float:
    """Return the highest threshold below which enough is wrong, on each of several data sets."""
    candidates = np.arange(0.9, 0.1, -0.01)
    for threshold in candidates.tolist():
        if all(marked(*part, threshold)[0] >= LEAST_WRONG for part in parts):
            return float(threshold)
    return 0.0


def report(name: str, confidence: FloatArray, raw: FloatArray, right: Array, mark: float) -> None:
    """Print how honest a confidence is."""
    wrong, found = marked(confidence, right, mark)
    print(f"{name}: {len(right)} words, {100 * (1 - right.mean()):.1f} % wrong")
    print(
        f"  area under ROC {area_under_roc(confidence, right):.3f}"
        f" (mean probability of letters {area_under_roc(raw, right):.3f})"
    )
    print(
        f"  marked below {mark:.2f}: {100 * wrong:.0f} % of them wrong, {100 * found:.0f} % found"
    )
    print("  confidence  words  mean  right")
    for low in range(BINS):
        inside = np.minimum((confidence * BINS).astype(int), BINS - 1) == low
        if inside.any():
            mean, share = confidence[inside].mean(), right[inside].mean()
            print(f"  {low / BINS:.1f}         {inside.sum():6}  {mean:.2f}   {share:.2f}")


def main(words: Sequence[str] | None = None) -> int:
    """Fit and report."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("manifests", type=Path, nargs="+")
    parser.add_argument("--model", default="english")
    parser.add_argument("--per-speaker", type=int, help="clips of each speaker; default all")
    parser.add_argument("--cache", type=Path, help="folder for the evidence, which is costly")
    parser.add_argument("--write", action="store_true", help="write the fit to the bundle")
    known = parser.parse_args(words)
    fitting: list[list[Heard]] = []
    held_out: list[list[Heard]] = []
    for manifest in known.manifests:
        heard = _cached(manifest, known)
        speakers = sorted({each.speaker for each in heard})
        half = set(speakers[::2])
        fitting.append([each for each in heard if each.speaker in half])
        held_out.append([each for each in heard if each.speaker not in half])
    weights, bias = fit(*_joined([each for part in fitting for each in part]))
    calibration = Calibration(tuple(weights.tolist()), bias, 0.0)
    everyone = [[*part, *others] for part, others in zip(fitting, held_out)]
    mark = choose_threshold([(_confidence(part, calibration), _right(part)) for part in everyone])
    for manifest, part in zip(known.manifests, held_out):
        raw = np.concatenate([each.evidence[:, 0] for each in part])
        report(manifest.stem, _confidence(part, calibration), raw, _right(part), mark)
    fields = {
        "weights": {name: round(float(w), 4) for name, w in zip(FEATURES, weights)},
        "bias": round(bias, 4),
        "doubtful": round(mark, 2),
    }
    print(json.dumps({"confidence": fields}, indent=2))
    if known.write:
        bundle = load_bundle(known.model)
        write_bundle(replace(bundle, decoding={**bundle.decoding, "confidence": fields}))
    return 0


def _cached(manifest: Path, known: argparse.Namespace) -> list[Heard]:
    path = known.cache and known.cache / f"{manifest.stem}.npz"
    if not path or not path.exists():
        heard = hear(of_each_speaker(read_data_set(manifest), known.per_speaker), known.model)
        if path:
            lengths = [len(each.right) for each in heard]
            np.savez(
                path,
                evidence=np.concatenate([each.evidence for each in heard]),
                right=np.concatenate([each.right for each in heard]),
                lengths=lengths,
                speakers=[each.speaker for each in heard],
            )
        return heard
    kept = np.load(path)
    ends = np.cumsum(kept["lengths"])[:-1]
    parts = zip(np.split(kept["evidence"], ends), np.split(kept["right"], ends), kept["speakers"])
    return [Heard(evidence, right, str(speaker)) for evidence, right, speaker in parts]


def _joined(heard: Sequence[Heard]) -> tuple[FloatArray, FloatArray]:
    return np.concatenate([each.features for each in heard]), _right(heard)


def _right(heard: Sequence[Heard]) -> FloatArray:
    return np.concatenate([each.right for each in heard])


def _confidence(heard: Sequence[Heard], calibration: Calibration) -> FloatArray:
    rows = [[Evidence(*row) for row in each.evidence] for each in heard]
    return np.concatenate([calibration.probabilities(each) for each in rows])


if __name__ == "__main__":
    sys.exit(main())
