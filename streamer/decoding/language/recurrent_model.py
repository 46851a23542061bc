"""Recurrent language model of words: an LSTM whose input and output share the word vectors.

    x = table[word] * scale             z = [x, h] W + b, gates i, f, g, o
    c = sigmoid(f) c + sigmoid(i) tanh(g)       h = sigmoid(o) tanh(c)
    ln P(word) = (h V + v) . table[word] + bias[word]

Training makes these probabilities add up to about one (self-normalisation; Devlin et al.,
2014), so a word is scored without the other 50,000. The file is in safetensors format: the
table in 8 bits with a scale per word, the matrices in half precision.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from threadpoolctl import ThreadpoolController

from streamer.arrays import FloatArray, IntArray, doubled
from streamer.decoding.language.mapped_tensors import map_tensors
from streamer.errors import ModelError

#: Factor of the word vectors at the input.
INPUT_SCALE = 8.0

#: Entries after the words: an unknown word, and the end (or start) of a sentence.
UNKNOWN, END = 0, 1
N_MARKS = 2

_LN_10 = math.log(10)

#: Up to this many rows are multiplied by a matrix one by one: OpenBLAS takes 0.06 ms for each,
#: but 0.47 ms for two at once and 0.64 ms for twelve.
_FEW_ROWS = 12

#: Rows of states that there is room for at first.
_INITIAL_ROWS = 64


class RecurrentStates:
    """The model's states after several texts, one text per row.

    Attributes:
        n: number of rows in use.
        hidden: float32 (rows, N), hidden state of the LSTM.
        cell: float32 (rows, N), its cell.
        query: float32 (rows, n_vector), projected hidden state that words are scored with.
    """

    def __init__(self, width: int, n_vector: int) -> None:
        self.n = 0
        self.hidden = np.zeros((_INITIAL_ROWS, width), np.float32)
        self.cell = np.zeros((_INITIAL_ROWS, width), np.float32)
        self.query = np.zeros((_INITIAL_ROWS, n_vector), np.float32)

    def row(self, number: int) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return hidden state, cell and query of a row, as for `append`."""
        rows = slice(number, number + 1)
        return self.hidden[rows].copy(), self.cell[rows].copy(), self.query[rows].copy()

    def append(self, hidden: FloatArray, cell: FloatArray, query: FloatArray) -> int:
        """Add rows and return the number of the first."""
        first, self.n = self.n, self.n + len(hidden)
        while self.n > len(self.hidden):
            self.hidden, self.cell = doubled(self.hidden), doubled(self.cell)
            self.query = doubled(self.query)
        rows = slice(first, self.n)
        self.hidden[rows], self.cell[rows], self.query[rows] = hidden, cell, query
        return first


class RecurrentModel:
    """The recurrent model; `read_recurrent_model` reads it from a file.

    Args:
        tensors: ``words`` uint8, UTF-8 words with a newline after each; ``table`` int8
            (n_words + 2, n_vector) and ``table_scale`` float32 (n_words + 2,), `UNKNOWN` and
            `END` after the words; ``bias`` float32 (n_words + 2,); ``lstm`` float16 (n_vector + N,
            4 N); ``lstm_bias`` float32 (4 N,); ``projection`` float16 (N, n_vector);
            ``projection_bias`` float32 (n_vector,).

    Attributes:
        end: number of the end of a sentence.
        unknown: number of unknown words.

    Raises:
        ValueError: a tensor has the wrong shape.
    """

    def __init__(self, tensors: Mapping[str, npt.NDArray[Any]]) -> None:
        self._words = tensors["words"]
        n_words = int((self._words == ord("\n")).sum())
        self._table = tensors["table"]
        self._scale = tensors["table_scale"]
        self._bias = tensors["bias"]
        kernel = tensors["lstm"].astype(np.float32)
        n_vector, width = self._table.shape[1], kernel.shape[1] // 4
        shapes = {
            "table": (n_words + N_MARKS, n_vector),
            "table_scale": (n_words + N_MARKS,),
            "bias": (n_words + N_MARKS,),
            "lstm": (n_vector + width, 4 * width),
            "lstm_bias": (4 * width,),
            "projection": (width, n_vector),
            "projection_bias": (n_vector,),
        }
        for name, shape in shapes.items():
            if tensors[name].shape != shape:
                raise ValueError(f"{name} has shape {tensors[name].shape} instead of {shape}")
        # On a busy machine the threads of such small products wait for each other longer than
        # one thread needs for all of the work.
        self._threads = ThreadpoolController()
        self._kernel = kernel
        self._kernel_bias = tensors["lstm_bias"]
        self._projection = tensors["projection"].astype(np.float32)
        self._projection_bias = tensors["projection_bias"]
        self._n_vector, self._width = n_vector, width
        self.end = n_words + END
        self.unknown = n_words + UNKNOWN
        zero = RecurrentStates(width, n_vector)
        zero.append(*(np.zeros((1, n), np.float32) for n in (width, width, n_vector)))
        start = self.advance(zero, np.array([0]), np.array([self.end]))
        self._sentence_start = zero.row(start)

    def tensors(self) -> dict[str, FloatArray]:
        """Return the arrays that `write_recurrent_model` takes."""
        return {
            "table": self._table * self._scale[:, None],
            "bias": self._bias,
            "lstm": self._kernel,
            "lstm_bias": self._kernel_bias,
            "projection": self._projection,
            "projection_bias": self._projection_bias,
        }

    def numbers(self, words: Sequence[str]) -> IntArray:
        """Return the model's numbers of words, int32 (n,); -1 for unknown words."""
        known = self._words.tobytes().decode("utf-8", "replace").split("\n")[:-1]
        number = {word: i for i, word in enumerate(known)}
        return np.array([number.get(word, -1) for word in words], np.int32)

    def initial_states(self) -> RecurrentStates:
        """Return the state at the start of a sentence, a single row."""
        states = RecurrentStates(self._width, self._n_vector)
        states.append(*self._sentence_start)
        return states

    def advance(self, states: RecurrentStates, rows: IntArray, words: IntArray) -> int:
        """Append words to texts.

        Args:
            states: the texts; the longer texts are added to them.
            rows: rows of the texts, int (n,).
            words: their next words, int (n,).

        Returns:
            The row of the first longer text.
        """
        with self._threads.limit(limits=1, user_api="blas"):
            return states.append(*self._step(states, rows, words))

    def score(self, states: RecurrentStates, rows: IntArray, words: IntArray | int) -> FloatArray:
        """Return common logarithms of the probabilities of next words, float32 (n,).

        Args:
            states: the texts.
            rows: rows of the texts, int (n,).
            words: their next words, int (n,), or one word for all.
        """
        vectors = self._table[words].astype(np.float32)
        products = np.einsum("...j,...j", states.query[rows], vectors)
        scores = (products * self._scale[words] + self._bias[words]) / _LN_10
        return np.asarray(scores, np.float32)

    def _step(
        self, states: RecurrentStates, rows: IntArray, words: IntArray
    ) -> tuple[FloatArray, ...]:
        """Return hidden state, cell and query one word later."""
        width = self._width
        # Texts and words repeat in many pairs: each is multiplied only once.
        texts, text = np.unique(rows, return_inverse=True)
        inputs, word = np.unique(words, return_inverse=True)
        vectors = self._table[inputs] * (INPUT_SCALE * self._scale[inputs])[:, None]
        gates = _product(states.hidden[texts], self._kernel[self._n_vector :])[text]
        gates += _product(vectors.astype(np.float32), self._kernel[: self._n_vector])[word]
        gates += self._kernel_bias
        # sigmoid(x) = (1 + tanh(x / 2)) / 2
        halves = np.tanh(gates[:, : 2 * width] * np.float32(0.5))
        output = np.tanh(gates[:, 3 * width :] * np.float32(0.5))
        candidate = np.tanh(gates[:, 2 * width : 3 * width])
        cell = (1 + halves[:, width:]) * states.cell[rows] + (1 + halves[:, :width]) * candidate
        cell *= np.float32(0.5)
        hidden = np.float32(0.5) * (1 + output) * np.tanh(cell)
        return hidden, cell, hidden @ self._projection + self._projection_bias


def _product(rows: FloatArray, matrix: FloatArray) -> FloatArray:
    """Multiply; few rows one by one, because BLAS would copy the matrix first."""
    if len(rows) > _FEW_ROWS:
        return rows @ matrix
    product: FloatArray = np.matmul(rows[:, None], matrix)[:, 0]
    return product


def read_recurrent_model(path: str | Path) -> RecurrentModel:
    """Read a recurrent language model.

    Raises:
        ModelError: the file is missing or is not a recurrent language model.
    """
    path = Path(path)
    try:
        return RecurrentModel(map_tensors(path))
    except (OSError, KeyError, ValueError, IndexError) as error:
        raise ModelError(
            f"{path} is not a recurrent language model ({error})", "install the model again"
        ) from error


def write_recurrent_model(
    path: str | Path, words: Sequence[str], tensors: Mapping[str, FloatArray]
) -> None:
    """Write a recurrent language model in reduced precision.

    Args:
        path: the file.
        words: the words of the table.
        tensors: the arrays of `RecurrentModel` without ``words`` and ``table_scale``, float32.
    """
    from safetensors.numpy import save_file

    table = np.asarray(tensors["table"], np.float32)
    scale = np.maximum(np.abs(table).max(axis=1), 1e-8) / 127
    rounded: dict[str, npt.NDArray[Any]] = {
        "words": np.frombuffer("".join(word + "\n" for word in words).encode("utf-8"), np.uint8),
        "table": np.round(table / scale[:, None]).astype(np.int8),
        "table_scale": scale.astype(np.float32),
    }
    for name in ("bias", "lstm_bias", "projection_bias"):
        rounded[name] = np.asarray(tensors[name], np.float32)
    for name in ("lstm", "projection"):
        rounded[name] = np.asarray(tensors[name], np.float16)
    # safetensors writes the memory of an array and ignores its strides.
    save_file({name: np.ascontiguousarray(array) for name, array in rounded.items()}, path)
