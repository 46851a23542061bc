"""Weights of small taggers."""

from __future__ import annotations

import numpy as np

from streamer.arrays import FloatArray
from streamer.text.tags import MARKS, Case


def random_weights(
    words: int, seed: int, embedding: int = 5, state: int = 6, look_ahead: int = 3
) -> dict[str, FloatArray]:
    """Return the weights of a tagger that says something about everything."""
    random = np.random.default_rng(seed)
    shapes = {
        "embedding.weight": (words, embedding),
        "recurrent.weight_ih_l0": (3 * state, embedding + 2),
        "recurrent.weight_hh_l0": (3 * state, state),
        "recurrent.bias_ih_l0": (3 * state,),
        "recurrent.bias_hh_l0": (3 * state,),
        "ahead.weight": (7, look_ahead * embedding),
        "ahead.bias": (7,),
        "hidden.weight": (8, state + embedding + 7 + 2),
        "hidden.bias": (8,),
        "marks.weight": (len(MARKS), 8),
        "marks.bias": (len(MARKS),),
        "cases.weight": (len(Case), 8),
        "cases.bias": (len(Case),),
    }
    weights = {name: random.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
    # Rounded as they are stored.
    return {
        name: each.astype(np.float16).astype(np.float32) if each.ndim > 1 else each
        for name, each in weights.items()
    }
