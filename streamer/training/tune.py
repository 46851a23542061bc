"""Tuning of the decoder on a data set: the weights with the lowest word error rate.

    python -m streamer.training.tune assets/english ../shared/speech/dev.tsv --changed 2

With ``--changed 2`` each clip is heard three times: as it is, and twice as training changes clips,
in a room, with noise, through a telephone (``--noise`` adds recorded noises). The acoustic model
runs once, streaming. Then one weight after the other is set to the best of its neighbours until
none is better (coordinate descent). Every second speaker is left out: at the end, the word error
rate is printed for both halves, and for several beam widths with the decoding time.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

from streamer.bundle import Bundle, load_bundle, write_bundle
from streamer.decoding import DecodingSettings
from streamer.decoding.settings import BEAM
from streamer.training.data.manifests import Clip, read_data_set
from streamer.training.data.waveform import WaveformAugmentation
from streamer.training.evaluation.decoding import Change, Outcome, Utterance, decode, posteriors

#: Values of each weight, in ascending order.
GRID: dict[str, Sequence[float]] = {
    "lm_alpha": (0.4, 0.6, 0.8, 1.0, 1.2, 1.4, 1.7, 2.0, 2.4, 2.8),
    "lm_beta": (-2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 5.0),
    "silence_score": (-0.4, -0.2, 0.0, 0.2, 0.4, 0.8),
    "recurrent_share": (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9),
}
#: Beam widths that are compared at the end.
BEAMS = (8, 16, 32, 64, 128, 256, 512)


def _moved(settings: DecodingSettings, name: str, value: float) -> DecodingSettings:
    changes: dict[str, Any] = {name: value}
    return replace(settings, **changes)


def halves(clips: Sequence[Clip]) -> tuple[list[Clip], list[Clip]]:
    """Return the clips of every second speaker, and all others; a clip alone tunes."""
    chosen = set(sorted({clip.speaker for clip in clips})[::2])
    return (
        [clip for clip in clips if clip.speaker in chosen],
        [clip for clip in clips if clip.speaker not in chosen],
    )


#: What a worker decodes; set once, when the worker starts.
_work: list[tuple[Bundle, Sequence[Utterance]]] = []


def _start_worker(folder: Path, utterances: Sequence[Utterance]) -> None:
    _work[:] = [(load_bundle(folder), utterances)]


def _decode(settings: DecodingSettings) -> Outcome:
    bundle, utterances = _work[0]
    return decode(bundle, utterances, settings)


def main(words: Sequence[str] | None = None) -> None:
    """Tune, print, and with ``--write`` put the result into ``model.json``."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("model", help="bundle")
    parser.add_argument("data", nargs="+", type=Path, help="manifests")
    parser.add_argument("--most", type=int, default=400, help="maximum clips of each manifest")
    parser.add_argument(
        "--changed", type=int, default=0, metavar="TIMES",
        help="hear each clip so many times more, changed as in training",
    )  # fmt: skip
    parser.add_argument("--noise", type=Path, help="folder of noises for --changed")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument(
        "--beam", type=int, help="beam width of the tuning; the bundle's by default"
    )
    parser.add_argument("--write", action="store_true", help="write the weights to the bundle")
    arguments = parser.parse_args(words)
    bundle = load_bundle(arguments.model)
    clips: list[Clip] = []
    for manifest in arguments.data:
        found = read_data_set(manifest)
        random.Random(0).shuffle(found)
        clips += found[: arguments.most]
    augment: Change | None = None
    if arguments.changed:
        rate_hz = bundle.front_end().sample_rate_hz
        augment = WaveformAugmentation(rate_hz, noise_folder=arguments.noise)
    tuning, held_out = (
        [
            utterance
            for time in range(arguments.changed + 1)
            for utterance in posteriors(bundle, part, change=augment if time else None, seed=time)
        ]
        for part in halves(clips)
    )
    grid = dict(GRID)
    if bundle.lexicon_path is not None:
        del grid["silence_score"]  # between phonemes there is no silence
    if bundle.recurrent_path is None:
        del grid["recurrent_share"]
    known = DecodingSettings.from_mapping(bundle.decoding)
    best = replace(known, beam=arguments.beam or known.beam or BEAM)
    with ProcessPoolExecutor(
        arguments.jobs, initializer=_start_worker, initargs=(bundle.folder, tuning)
    ) as pool:
        seen: dict[DecodingSettings, Outcome] = {}

        def measure(candidates: Sequence[DecodingSettings]) -> None:
            new = [c for c in candidates if c not in seen]
            for candidate, outcome in zip(new, pool.map(_decode, new)):
                seen[candidate] = outcome
                shown = {name: getattr(candidate, name) for name in grid}
                print(f"{outcome.rate:7.2%}  {shown}", flush=True)

        measure([best])
        moved = True
        while moved:
            moved = False
            for name, values in grid.items():
                now = getattr(best, name)
                known_value = 1.0 if now is None else now
                distances = [abs(value - known_value) for value in values]
                centre = distances.index(min(distances))
                near = values[max(0, centre - 2) : centre + 3]
                candidates = [_moved(best, name, value) for value in near]
                measure(candidates)
                winner = min([best, *candidates], key=lambda c: seen[c].errors)
                if seen[winner].errors < seen[best].errors:
                    best, moved = winner, True
    print("\nbeam   WER      ms a window")
    for beam in BEAMS:
        outcome = decode(bundle, [*tuning, *held_out], replace(best, beam=beam))
        milliseconds = 1000 * outcome.seconds / max(outcome.windows, 1)
        print(f"{beam:4}  {outcome.rate:7.2%}  {milliseconds:6.2f}", flush=True)
    chosen = {name: getattr(best, name) for name in grid}
    print(f"\nbest: {chosen}, {seen[best].rate:.2%} of {seen[best].words} words")
    if held_out:
        outcome = decode(bundle, held_out, best)
        print(f"speakers that were left out: {outcome.rate:.2%} of {outcome.words} words")
    if arguments.write:
        write_bundle(replace(bundle, decoding={**bundle.decoding, **chosen}))


if __name__ == "__main__":
    main()
