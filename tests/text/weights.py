"""Weights of small taggers."""

from __future__ import annotations

import numpy as np

from streamer.arrays import FloatArray
from streamer.text.tags import MARKS, Case
from streamer.training.text_model.export import rounded


def random_weights(
    words: int, seed: int, embedding: int = 5, state: int = 6, convolutions: int = 2
) -> dict[str, FloatArray]:
    """Return the weights of a tagger that says something about everything."""
    random = np.random.default_rng(seed)
    ahead = 7
    seen = embedding + ahead + 2
    shapes = {
        "embedding.weight": (words, embedding),
        "recurrent.weight_ih_l0": (3 * state, seen + 2),
        "recurrent.weight_hh_l0": (3 * state, state),
        "recurrent.bias_ih_l0": (3 * state,),
        "recurrent.bias_hh_l0": (3 * state,),
        "hidden.weight": (8, state + seen),
        "hidden.bias": (8,),
        "marks.weight": (len(MARKS), 8),
        "marks.bias": (len(MARKS),),
        "cases.weight": (len(Case), 8),
        "cases.bias": (len(Case),),
    }
    for layer in range(convolutions):
        shapes[f"ahead.{layer}.weight"] = (ahead, 3 * (ahead if layer else embedding))
        shapes[f"ahead.{layer}.bias"] = (ahead,)
    weights = {name: random.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
    return {name: rounded(each) for name, each in weights.items()}
