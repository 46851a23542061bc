"""Builds small bundles with random weights."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from streamer.acoustic.weights import Weights, expected_shapes
from streamer.bundle import Bundle, write_bundle
from streamer.convert.writers.safetensors import write_safetensors
from streamer.features import DeepSpeechFrontEnd
from tests.support.paths import TINY_SCORER

LABELS = " abcdefghijklmnopqrstuvwxyz'"


def random_weights(
    n_hidden: int = 32,
    seed: int = 0,
    n_labels: int = len(LABELS) + 1,
    n_input: int = 26,
    n_context: int = 9,
    description: Mapping[str, Any] | None = None,
) -> Weights:
    """Random weights with active layers: outputs are neither all zero nor all clipped."""
    random = np.random.default_rng(seed)
    layers: dict[str, Any] = {}
    for name, shape in expected_shapes(n_input, n_context, n_hidden, n_labels).items():
        scale = 0.1 if name.endswith("bias") else 1.5 / np.sqrt(shape[0])
        layers[name] = (scale * random.standard_normal(shape)).astype(np.float32)
    # Features of speech are in the tens; the larger last layer gives varied labels.
    layers["layer_1/weights"] *= np.float32(0.1)
    layers["layer_6/weights"] *= np.float32(4)
    return Weights(
        layers,
        {
            "n_input": n_input,
            "n_context": n_context,
            "alphabet": list(LABELS),
            "language": "en",
            **(description or {}),
        },
    )


def make_tiny_bundle(folder: Path, n_hidden: int = 32, seed: int = 0, n_steps: int = 16) -> Bundle:
    """Write a bundle called ``tiny`` with every network that can be written here.

    ONNX and int8 ONNX need the package onnx; without it the bundle has the NumPy network only.
    The scorer is ``tests/data/tiny.scorer`` if that exists.
    """
    folder.mkdir(parents=True, exist_ok=True)
    weights = random_weights(n_hidden, seed)
    write_safetensors(weights, folder / "tiny.safetensors")
    networks = {"numpy": folder / "tiny.safetensors"}
    if importlib.util.find_spec("onnx"):
        from streamer.convert.writers.onnx import quantise_onnx, write_onnx

        plain, int8 = folder / "tiny.onnx", folder / "tiny.int8.onnx"
        write_onnx(weights, plain, n_steps)
        quantise_onnx(plain, int8)
        networks = {"onnx": plain, "onnx-int8": int8, **networks}
    (folder / "alphabet.txt").write_text("\n".join(LABELS) + "\n", encoding="utf-8")
    scorer = None
    if TINY_SCORER.is_file():
        scorer = folder / "tiny.scorer"
        shutil.copyfile(TINY_SCORER, scorer)
    return write_bundle(
        Bundle(
            folder=folder,
            name="tiny",
            version="0",
            language="en",
            licence="none",
            summary="random weights, for tests",
            front_end_description=DeepSpeechFrontEnd().describe(),
            n_context=9,
            n_steps=n_steps,
            n_input=26,
            n_hidden=n_hidden,
            n_labels=len(LABELS) + 1,
            alphabet_path=folder / "alphabet.txt",
            networks=networks,
            scorer_path=scorer,
            decoding={"beam": 16},
            training={"data": "none"},
        )
    )
