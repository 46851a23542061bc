"""A recurrent language model of words: an LSTM between one table of word vectors used twice.

    x = table[word] * scale             z = [x, h] W + b, gates i, f, g, o
    c = sigmoid(f) c + sigmoid(i) tanh(g)       h = sigmoid(o) tanh(c)
    ln P(word) = (h V + v) . table[word] + bias[word]

It is trained so that these add up to one nearly by themselves (after Devlin et al., 2014):
what 50,000 words are worth need not be known to score one. The file is safetensors: the
table in 8 bits with a scale for each word, the rest in half precision.
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
from streamer.errors import ModelError

#: What the word vectors are multiplied by on their way in.
INPUT_SCALE = 8.0

#: The entries behind the words: any other word, and the end (and beginning) of a sentence.
UNKNOWN, END = 0, 1
N_MARKS = 2

_LN_10 = math.log(10)

#: So many rows are multiplied by the recurrent matrix one by one: 0.06 ms each by OpenBLAS,
#: where two at once take 0.47 ms and twelve 0.64 ms.
_FEW_ROWS = 12


class RecurrentStates:
    """What the model remembers of several texts, a row each."""

    def __init__(self, width: int, n_vector: int) -> None:
        self.n = 0
        self.hidden = np.zeros((64, width), np.float32)
        self.cell = np.zeros((64, width), np.float32)
        self.query = np.zeros((64, n_vector), np.float32)

    def row(self, number: int) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return a row as `append` takes it."""
        rows = slice(number, number + 1)
        return self.hidden[rows].copy(), self.cell[rows].copy(), self.query[rows].copy()

    def append(self, hidden: FloatArray, cell: FloatArray, query: FloatArray) -> int:
        """Add rows; return the number of the first."""
        first, self.n = self.n, self.n + len(hidden)
        while self.n > len(self.hidden):
            self.hidden, self.cell = doubled(self.hidden), doubled(self.cell)
            self.query = doubled(self.query)
        rows = slice(first, self.n)
        self.hidden[rows], self.cell[rows], self.query[rows] = hidden, cell, query
        return first


class RecurrentModel:
    """The model, read from its file.

    Args:
        tensors: ``words`` uint8, the words with a newline behind each; ``table`` int8
            (n_words + 2, n_vector) and ``table_scale`` float32, the marks `UNKNOWN` and `END`
            behind the words; ``bias`` float32 (n_words + 2,); ``lstm`` float16 (n_vector + N,
            4 N); ``lstm_bias`` float32 (4 N,); ``projection`` float16 (N, n_vector);
            ``projection_bias`` float32 (n_vector,).

    Attributes:
        end: number of the end of a sentence.
        unknown: number of all words that the model does not know.
    """

    def __init__(self, tensors: Mapping[str, npt.NDArray[Any]]) -> None:
        words = tensors["words"].tobytes().decode("utf-8").split()
        self._number: dict[str, int] = {word: i for i, word in enumerate(words)}
        self._table = tensors["table"]
        self._scale = tensors["table_scale"]
        self._bias = tensors["bias"]
        kernel = tensors["lstm"].astype(np.float32)
        n_vector, width = self._table.shape[1], kernel.shape[1] // 4
        shapes = {
            "table": (len(words) + N_MARKS, n_vector),
            "table_scale": (len(words) + N_MARKS,),
            "bias": (len(words) + N_MARKS,),
            "lstm": (n_vector + width, 4 * width),
            "lstm_bias": (4 * width,),
            "projection": (width, n_vector),
            "projection_bias": (n_vector,),
        }
        for name, shape in shapes.items():
            if tensors[name].shape != shape:
                raise ValueError(f"{name} is {tensors[name].shape} instead of {shape}")
        # On a busy machine the threads of a product so small wait for each other longer than
        # one would need for all of it.
        self._threads = ThreadpoolController()
        self._kernel = kernel
        self._kernel_bias = tensors["lstm_bias"]
        self._projection = tensors["projection"].astype(np.float32)
        self._projection_bias = tensors["projection_bias"]
        self._n_vector, self._width = n_vector, width
        self.end = len(words) + END
        self.unknown = len(words) + UNKNOWN
        nothing = RecurrentStates(width, n_vector)
        nothing.append(*(np.zeros((1, n), np.float32) for n in (width, width, n_vector)))
        self._beginning = nothing.row(self.advance(nothing, np.array([0]), np.array([self.end])))

    def tensors(self) -> dict[str, FloatArray]:
        """Return the arrays of `write_recurrent_model`."""
        return {
            "table": self._table * self._scale[:, None],
            "bias": self._bias,
            "lstm": self._kernel,
            "lstm_bias": self._kernel_bias,
            "projection": self._projection,
            "projection_bias": self._projection_bias,
        }

    def numbers(self, words: Sequence[str]) -> IntArray:
        """Number words as the model does; -1 for those it does not know."""
        return np.array([self._number.get(word, -1) for word in words], np.int64)

    def initial_states(self) -> RecurrentStates:
        """Return a memory of one text, that of nothing said yet."""
        memory = RecurrentStates(self._width, self._n_vector)
        memory.append(*self._beginning)
        return memory

    def advance(self, memory: RecurrentStates, rows: IntArray, words: IntArray) -> int:
        """Let words follow texts; the texts then are new rows, whose first number is returned.

        Args:
            memory: the texts.
            rows: which ones, int (n,).
            words: their next words, int (n,).
        """
        with self._threads.limit(limits=1, user_api="blas"):
            return memory.append(*self._step(memory, rows, words))

    def score(self, memory: RecurrentStates, rows: IntArray, words: IntArray | int) -> FloatArray:
        """Return the common logarithms of words' probabilities behind texts, float32 (n,)."""
        vectors = self._table[words].astype(np.float32)
        worth = np.einsum("...j,...j", memory.query[rows], vectors)
        return np.asarray((worth * self._scale[words] + self._bias[words]) / _LN_10, np.float32)

    def _step(
        self, memory: RecurrentStates, rows: IntArray, words: IntArray
    ) -> tuple[FloatArray, ...]:
        """Return what is remembered one word later: hidden state, cell, and query."""
        width = self._width
        # Several words follow a text, and a word several texts: each is multiplied once.
        texts, text = np.unique(rows, return_inverse=True)
        said, word = np.unique(words, return_inverse=True)
        vectors = self._table[said] * (INPUT_SCALE * self._scale[said])[:, None]
        gates = _product(memory.hidden[texts], self._kernel[self._n_vector :])[text]
        gates += _product(vectors.astype(np.float32), self._kernel[: self._n_vector])[word]
        gates += self._kernel_bias
        # sigmoid(x) = (1 + tanh(x / 2)) / 2
        halves = np.tanh(gates[:, : 2 * width] * np.float32(0.5))
        output = np.tanh(gates[:, 3 * width :] * np.float32(0.5))
        candidate = np.tanh(gates[:, 2 * width : 3 * width])
        cell = (1 + halves[:, width:]) * memory.cell[rows] + (1 + halves[:, :width]) * candidate
        cell *= np.float32(0.5)
        hidden = np.float32(0.5) * (1 + output) * np.tanh(cell)
        return hidden, cell, hidden @ self._projection + self._projection_bias


def _product(rows: FloatArray, matrix: FloatArray) -> FloatArray:
    """Multiply, few rows one by one: for all at once the matrix would be copied first."""
    if len(rows) > _FEW_ROWS:
        return rows @ matrix
    product: FloatArray = np.matmul(rows[:, None], matrix)[:, 0]
    return product


def read_recurrent_model(path: str | Path) -> RecurrentModel:
    """Read a model.

    Raises:
        ModelError: no such file, or none of a recurrent language model.
    """
    from safetensors import SafetensorError, safe_open

    path = Path(path)
    try:
        with safe_open(path, framework="np") as file:
            names = list(file.keys())
            return RecurrentModel({name: file.get_tensor(name) for name in names})
    except (OSError, SafetensorError, KeyError, ValueError, IndexError) as error:
        raise ModelError(
            f"{path} is not a recurrent language model ({error})", "install the model again"
        ) from error


def write_recurrent_model(
    path: str | Path, words: Sequence[str], tensors: Mapping[str, FloatArray]
) -> None:
    """Write a model, rounded as its file is.

    Args:
        path: where it goes.
        words: those of the table.
        tensors: the arrays of `RecurrentModel` but ``words`` and ``table_scale``, in float32.
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
    # safetensors writes an array's memory as it lies.
    save_file({name: np.ascontiguousarray(array) for name, array in rounded.items()}, path)
