"""Makes a trained tagger larger, so that a training can go on from it with other words."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from streamer.arrays import FloatArray
from streamer.text.vocabulary import FIRST_WORD, Vocabulary

_GATES = 3


def grown(
    weights: Mapping[str, FloatArray], old: Vocabulary, new: Vocabulary, state: int
) -> dict[str, FloatArray]:
    """Return the weights of a tagger with other words and more units that says what it said.

    A word that is new begins as its ending. Units that are new are read by nothing yet (as in
    Chen et al., "Net2Net", ICLR 2016, but that they are drawn and not copied).

    Args:
        weights: by PyTorch's names, as `streamer.text.numpy_tagger.NumpyTagger` takes them.
        old: the words of the tagger.
        new: the words that it shall have.
        state: units of the recurrent layer, as many as it has at least.
    """
    result = {name: np.array(value) for name, value in weights.items()}
    table = weights["embedding.weight"]
    rows = [*range(FIRST_WORD), *(old.number(word) for word in new.words)]
    result["embedding.weight"] = table[rows]
    has = weights["recurrent.weight_hh_l0"].shape[1]
    more = state - has
    if more <= 0:
        return result
    random = np.random.default_rng(0)

    def drawn(*shape: int) -> FloatArray:
        most = 1 / np.sqrt(state)
        return random.uniform(-most, most, shape).astype(np.float32)

    for name in ("weight_ih_l0", "bias_ih_l0", "bias_hh_l0"):
        gates = np.split(weights[f"recurrent.{name}"], _GATES)
        wider = [part for gate in gates for part in (gate, drawn(more, *gate.shape[1:]))]
        result[f"recurrent.{name}"] = np.concatenate(wider)
    square = []
    for gate in np.split(weights["recurrent.weight_hh_l0"], _GATES):
        square.append(np.hstack([gate, np.zeros((has, more), dtype=np.float32)]))
        square.append(drawn(more, state))
    result["recurrent.weight_hh_l0"] = np.concatenate(square)
    hidden = weights["hidden.weight"]
    unread = np.zeros((len(hidden), more), dtype=np.float32)
    result["hidden.weight"] = np.hstack([hidden[:, :has], unread, hidden[:, has:]])
    return result
