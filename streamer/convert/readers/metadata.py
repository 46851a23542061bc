"""Reads the metadata of DeepSpeech's exports: alphabet, features, language."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any

from streamer.features import DeepSpeechFrontEnd
from streamer.untrusted.damage import DamagedError

#: First character of DeepSpeech's placeholder for an unknown language.
_PLACEHOLDER = "<"

#: Upper bounds for the front end's sizes.
_LARGEST: Mapping[str, int] = {
    "window_samples": 8192,
    "step_samples": 8192,
    "n_coefficients": 256,
    "n_filters": 256,
}


def read_alphabet(data: bytes) -> list[str]:
    """Decode the alphabet of a graph.

    uint16 count, then for each label uint16 index, uint16 length, UTF-8 text;
    little-endian, in any order.

    Args:
        data: the value of ``metadata_alphabet``.

    Returns:
        The labels in the order of the network's outputs, without the blank.

    Raises:
        DamagedError: it is truncated or inconsistent, or its labels are not
            UTF-8, as those of a network that outputs bytes.
    """
    labels: dict[int, str] = {}
    try:
        (count,) = struct.unpack_from("<H", data, 0)
        position = 2
        for _ in range(count):
            index, length = struct.unpack_from("<HH", data, position)
            position += 4
            raw = data[position : position + length]
            if len(raw) != length or index in labels:
                raise DamagedError("the alphabet is truncated or has a label twice")
            labels[index] = raw.decode("utf-8")
            position += length
    except (struct.error, UnicodeDecodeError) as error:
        raise DamagedError("the alphabet cannot be decoded") from error
    if sorted(labels) != list(range(len(labels))):
        raise DamagedError("the alphabet has gaps")
    return [labels[index] for index in range(len(labels))]


def describe(metadata: Mapping[str, Any], filters: Mapping[str, Any]) -> dict[str, Any]:
    """Return the description of `Weights` from a graph's metadata constants.

    Args:
        metadata: ``sample_rate``, ``feature_win_len`` and
            ``feature_win_step`` (milliseconds), ``alphabet`` (bytes),
            ``language`` (bytes), ``beam_width``, ``version``; any may be missing.
        filters: arguments of `DeepSpeechFrontEnd` from the graph's operations.

    Raises:
        DamagedError: a value is out of range.
    """
    description: dict[str, Any] = {}
    rate = int(metadata.get("sample_rate", 16000))
    window_ms = int(metadata.get("feature_win_len", 32))
    step_ms = int(metadata.get("feature_win_step", 20))
    if not (1000 <= rate <= 192_000 and 1 <= step_ms <= 1000 and 1 <= window_ms <= 1000):
        raise DamagedError(f"features of {window_ms} ms every {step_ms} ms at {rate} Hz")
    front_end: dict[str, Any] = {
        "sample_rate_hz": rate,
        "window_samples": rate * window_ms // 1000,
        "step_samples": rate * step_ms // 1000,
    }
    front_end.update(filters)
    # Checked first: the front end allocates matrices of these sizes.
    for name, largest in _LARGEST.items():
        if not 1 <= front_end.get(name, 1) <= largest:
            raise DamagedError(f"its features have {name} {front_end[name]}")
    try:
        description["front_end"] = DeepSpeechFrontEnd(**front_end).describe()
    except (TypeError, ValueError, MemoryError, ArithmeticError) as error:
        raise DamagedError(f"its features are invalid: {error}") from error
    description["sample_rate_hz"] = rate
    if "alphabet" in metadata:
        description["alphabet"] = read_alphabet(metadata["alphabet"])
    language = bytes(metadata.get("language", b"")).decode("utf-8", "replace")
    if language and not language.startswith(_PLACEHOLDER):
        description["language"] = language
    for name in ("version", "beam_width"):
        if name in metadata:
            description[f"graph_{name}" if name == "version" else name] = int(metadata[name])
    return description
