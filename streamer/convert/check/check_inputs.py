"""Default inputs of a check: the reference network and the recording."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np

from streamer.acoustic.weights import Weights
from streamer.arrays import FloatArray
from streamer.audio.sources.recording import RecordingSource
from streamer.bundle import DESCRIPTION_FILE, bundled_folder, read_bundle
from streamer.convert.readers import read_network
from streamer.errors import ConversionError
from streamer.features import create_front_end

#: Suffixes of networks that can be a reference, in order of preference.
_REFERENCES = (".safetensors", ".pbmm", ".pb", ".onnx", ".tflite")
#: Longer recordings are cut.
_LONGEST_SECONDS = 600.0
_AUDIO_SUFFIXES = (".wav", ".flac", ".ogg", ".opus")


def find_reference(model: Path) -> Path:
    """Return the network that a Core ML model was converted from.

    This is the NumPy network of the model's bundle, or another network in the
    same folder, one of the same name first.

    Raises:
        ConversionError: there is none.
    """
    folder = model.resolve().parent
    if (folder / DESCRIPTION_FILE).is_file():
        networks = read_bundle(folder).networks
        for kind in ("numpy", "onnx"):
            if kind in networks:
                return networks[kind]
    for suffix in _REFERENCES:
        same = folder / f"{model.stem}{suffix}"
        found = [same] if same.is_file() else sorted(folder.glob(f"*{suffix}"))
        exact = [file for file in found if ".int8." not in file.name]
        if exact:
            return exact[0]
    raise ConversionError(
        f"there is no reference network in the folder of {model}",
        "give the network that it was converted from: --reference FILE",
    )


def read_reference(model: Path, reference: Path | None) -> tuple[Path, Weights]:
    """Return the reference file of a model, and its weights, with the bundle's front end.

    Args:
        model: the Core ML model.
        reference: the reference file; None for `find_reference`.

    Raises:
        ConversionError: there is none, it cannot be read, or it was trained with another front
            end than the model's bundle has.
    """
    path = find_reference(model) if reference is None else reference
    weights = read_network(path)
    folder = model.resolve().parent
    if not (folder / DESCRIPTION_FILE).is_file():
        return path, weights
    bundled = read_bundle(folder).front_end().describe()
    described = weights.description.get("front_end")
    own = bundled if described is None else create_front_end(described).describe()
    for key in sorted({*own, *bundled}):
        if own.get(key) != bundled.get(key):
            raise ConversionError(
                f"{key} of the front end differs between {path.name} and {DESCRIPTION_FILE}",
                f"make the bundle again, or fix {DESCRIPTION_FILE}",
            )
    description = {**weights.description, "front_end": bundled}
    return path, dataclasses.replace(weights, description=description)


def find_recording() -> Path:
    """Return the bundled recording.

    Raises:
        ConversionError: the package has none.
    """
    folder = bundled_folder()
    found = sorted(file for file in folder.rglob("*") if file.suffix in _AUDIO_SUFFIXES)
    if not found:
        raise ConversionError("the package contains no recording", "give one: --audio FILE")
    return found[0]


def read_samples(path: Path, rate_hz: int, seconds: float) -> FloatArray:
    """Read the beginning of a recording.

    Args:
        path: an audio file.
        rate_hz: sample rate of the result.
        seconds: most seconds to read.

    Returns:
        float32 (n,), mono, full scale 1.

    Raises:
        AudioError: it cannot be read.
    """
    source = RecordingSource(path)
    wanted = int(seconds * rate_hz)
    blocks = []
    have = 0
    source.open(rate_hz)
    try:
        while have < wanted:
            block = source.read()
            if block is None:
                break
            blocks.append(block)
            have += len(block)
    finally:
        source.close()
    return np.concatenate([*blocks, np.zeros(0, np.float32)])[:wanted].astype(np.float32)


def read_texts(folder: Path, rate_hz: int) -> list[tuple[FloatArray, str]]:
    """Read the recordings of a folder that have a ``.txt`` of the same name.

    Raises:
        ConversionError: there are none.
        AudioError: one cannot be read.
    """
    found = []
    for file in sorted(folder.iterdir()) if folder.is_dir() else []:
        text = file.with_suffix(".txt")
        if file.suffix in _AUDIO_SUFFIXES and text.is_file():
            words = text.read_text(encoding="utf-8").lower()
            found.append((read_samples(file, rate_hz, _LONGEST_SECONDS), words))
    if not found:
        raise ConversionError(
            f"{folder} has no recordings with texts", "add a talk.txt for each talk.flac"
        )
    return found
