"""What a check is made with, where the user does not say: a reference and a recording."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from streamer.acoustic.weights import Weights
from streamer.arrays import FloatArray
from streamer.audio.sources.recording import RecordingSource
from streamer.bundle import DESCRIPTION_FILE, bundled_folder, read_bundle
from streamer.convert.readers import read_network
from streamer.errors import ConversionError

#: Forms of a network that are read exactly, in the order in which they are looked for.
_REFERENCES = (".safetensors", ".pbmm", ".pb", ".onnx", ".tflite")
#: Longer recordings are cut: one test sentence has seconds.
_LONGEST_SECONDS = 600.0
_SOUNDS = (".wav", ".flac", ".ogg", ".opus")


def find_reference(model: Path) -> Path:
    """Return the file that holds the weights a Core ML model was made of.

    That is the NumPy network of the bundle the model lies in, or another form
    of the network beside it, the one of the same name first.

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
        f"nothing lies beside {model} that it could be held against",
        "give the network that it was made of: --reference FILE",
    )


def read_reference(model: Path, reference: Path | None) -> tuple[Path, Weights]:
    """Return the file to compare a model with, and the weights in it.

    Args:
        model: the Core ML model.
        reference: what the user gave, or None to look for it.

    Raises:
        ConversionError: there is none, or it cannot be read.
    """
    path = find_reference(model) if reference is None else reference
    return path, read_network(path)


def find_recording() -> Path:
    """Return the bundled recording.

    Raises:
        ConversionError: the package has none.
    """
    folder = bundled_folder()
    found = sorted(file for file in folder.rglob("*") if file.suffix in _SOUNDS)
    if not found:
        raise ConversionError("the package has no recording inside", "give one: --audio FILE")
    return found[0]


def read_samples(path: Path, rate_hz: int, seconds: float) -> FloatArray:
    """Read the beginning of a recording.

    Args:
        path: a sound file.
        rate_hz: the rate the samples are wanted at.
        seconds: how much of it.

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
    """Read the recordings of a folder that have their text beside them in a ``.txt``.

    Raises:
        ConversionError: there are none.
        AudioError: one cannot be read.
    """
    found = []
    for file in sorted(folder.iterdir()) if folder.is_dir() else []:
        text = file.with_suffix(".txt")
        if file.suffix in _SOUNDS and text.is_file():
            words = text.read_text(encoding="utf-8").lower()
            found.append((read_samples(file, rate_hz, _LONGEST_SECONDS), words))
    if not found:
        raise ConversionError(
            f"{folder} has no recordings with their texts", "put talk.txt beside talk.flac"
        )
    return found
