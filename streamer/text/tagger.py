"""The tagger: which mark follows each word, and which case it has.

A recurrent network reads the words one by one, each together with the next few. So the answer for
a word never changes once those are known, and every word costs the same however long the text is.
Convolutions without padding turn a word and the L words behind it into one vector:

    e_t = embedding[word_t]                         C_0 = [e_t e_(t+1) ... e_(t+L)]
    C_k[i] = relu(A_k C_(k-1)[i, i+1, i+2] + a_k)   c_t = C_(L/2)[0]
    s_t = [e_t; c_t; pause_t]                       h_t = GRU([s_t; pause_(t-1)], h_(t-1))
    y_t = relu(Y [h_t; s_t] + y)                    marks: M y_t + m    cases: C y_t + c
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np

from streamer.arrays import Array, FloatArray, IntArray

#: Pauses count by their logarithm: log(1 + seconds / this).
_PAUSE_UNIT_S = 0.1
#: Features of a pause: whether it is known, and how long it is.
PAUSE_FEATURES = 2
#: Words that each convolution sees at once.
WIDTH = 3


class Tags(NamedTuple):
    """What a tagger says of words.

    Attributes:
        marks: natural logarithms of how likely each mark is, up to a constant, float32 (n, marks).
        cases: the same of each case, float32 (n, cases).
        states: recurrent state after each word, float32 (n, state).
    """

    marks: FloatArray
    cases: FloatArray
    states: FloatArray


class Tagger(Protocol):
    """Anything that tags words."""

    look_ahead: int
    state_size: int

    def tag(
        self,
        numbers: IntArray,
        ahead: IntArray,
        pauses: FloatArray,
        before: FloatArray,
        state: FloatArray,
    ) -> Tags:
        """Tag words that follow each other.

        Args:
            numbers: of the words, int64 (n,).
            ahead: of the words behind each, int64 (n, look_ahead).
            pauses: features of the pause after each, float32 (n, 2).
            before: features of the pause before each, float32 (n, 2).
            state: after the word before, float32 (state_size,); zeros at the beginning.
        """
        ...


def pause_features(seconds: Array) -> FloatArray:
    """Return what the network is told of pauses, float32 (..., 2).

    Args:
        seconds: lengths of pauses, NaN where they are not known.
    """
    known = np.isfinite(seconds)
    length = np.log1p(np.where(known, np.maximum(seconds, 0.0), 0.0) / _PAUSE_UNIT_S)
    return np.stack([known, length], axis=-1).astype(np.float32)
