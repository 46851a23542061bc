"""Int8 as the default of a large network, where it hears the same letters as float32.

A network of 2048 units takes a quarter of the time with 8-bit weights. Whether that costs words
depends on the network, so it is measured on clips: recordings of the user's, or ten made of the
bundled one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Callable

import numpy as np

from streamer.acoustic.onnx_model import OnnxAcousticModel
from streamer.arrays import FloatArray
from streamer.bundle import Bundle, write_bundle
from streamer.convert.check.check_inputs import find_recording, read_samples
from streamer.convert.writers.onnx import quantise_onnx
from streamer.features import Framer

#: A network of fewer units is fast in float32.
LARGE_UNITS = 1024
#: Share of frames whose best letter must be the same.
LEAST_AGREEMENT = 0.99

#: Longest part of a recording of the user's that is used, in seconds.
_CLIP_SECONDS = 60.0
#: The two halves of the bundled recording at five speeds, from a deep voice to a high one.
_HALF_SECONDS = 6.0
_SPEEDS = (0.85, 0.92, 1.0, 1.09, 1.18)
#: Every second clip has white noise, softer than the voice by this much in decibels.
_NOISE_DB = 20.0


@dataclass(frozen=True)
class Agreement:
    """How often two networks hear the same letter.

    Attributes:
        share: of the frames, 0 to 1.
        frames: number of frames.
        clips: number of recordings.
    """

    share: float
    frames: int
    clips: int


def add_int8(
    bundle: Bundle,
    recordings: Sequence[Path] = (),
    always: bool = False,
    report: Callable[[str], None] = lambda what: None,
) -> Bundle:
    """Add an ONNX network in int8 to a bundle, as its default, if it agrees with float32.

    Args:
        bundle: a bundle with an ONNX network in float32, which stays in it.
        recordings: clips for the comparison; ten made of the bundled recording if empty.
        always: whether int8 becomes the default whatever the agreement.
        report: called with a line about the result.

    Returns:
        The bundle as it is now.

    Raises:
        ConversionError: the package ``onnx`` is missing or the file cannot be written.
        AudioError: a recording cannot be read.
    """
    rate = bundle.front_end().sample_rate_hz
    clips = [read_samples(path, rate, _CLIP_SECONDS) for path in recordings] or made_clips(rate)
    exact = bundle.networks["onnx"]
    file = bundle.folder / f"{bundle.name}.int8.onnx"
    quantise_onnx(exact, file)
    found = agreement(bundle, exact, file, clips)
    heard = f"the best letter agrees with float32 in {100 * found.share:.2f} % of {found.frames:,} "
    heard += f"frames of {found.clips} clips"
    if not always and found.share < LEAST_AGREEMENT:
        file.unlink()
        report(f"int8: {heard}, less than {100 * LEAST_AGREEMENT:.0f} %: float32 is used")
        return bundle
    report(f"int8: {heard}; it is used, and --backend onnx is float32")
    changed = replace(
        bundle,
        networks={**bundle.networks, "onnx-int8": file},
        preferred="onnx-int8",
        measured={**bundle.measured, "int8_agreement": round(found.share, 4)},
    )
    return write_bundle(changed)


def agreement(bundle: Bundle, exact: Path, other: Path, clips: Sequence[FloatArray]) -> Agreement:
    """Compare the best letter of two ONNX networks in each frame of clips.

    Args:
        bundle: the bundle, for its front end and the number of letters.
        exact: the one network.
        other: the other one, with the same inputs and outputs.
        clips: float32 (n,) each, a stream of its own.
    """
    models = [OnnxAcousticModel(path) for path in (exact, other)]
    n_letters = bundle.n_labels - bundle.n_phonemes
    same = frames = 0
    for clip in clips:
        framer = Framer(bundle.front_end(), models[0].n_steps, models[0].n_context)
        states = [model.initial_state() for model in models]
        for window in [*framer.feed(clip), *framer.finish()]:
            best = []
            for k, model in enumerate(models):
                rows, states[k] = model.infer(window.features, window.n, states[k])
                best.append(rows[:, :n_letters].argmax(axis=1))
            same += int((best[0] == best[1]).sum())
            frames += window.n
    return Agreement(same / max(frames, 1), frames, len(clips))


def made_clips(rate_hz: int) -> list[FloatArray]:
    """Return ten clips made of the bundled recording, float32 (n,) each: see `_SPEEDS`."""
    import soxr

    random = np.random.default_rng(0)
    whole = read_samples(find_recording(), rate_hz, 2 * _HALF_SECONDS)
    clips: list[FloatArray] = []
    for half in np.array_split(whole, 2):
        for speed in _SPEEDS:
            clip = soxr.resample(half, rate_hz * speed, rate_hz).astype(np.float32)
            if len(clips) % 2:
                loudness = float(np.sqrt(np.mean(clip**2))) * 10 ** (-_NOISE_DB / 20)
                clip += (loudness * random.standard_normal(len(clip))).astype(np.float32)
            clips.append(clip)
    return clips
