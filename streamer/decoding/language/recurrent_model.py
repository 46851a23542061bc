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
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Callable

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

#: Words and texts whose products with the matrices are remembered, 8 KB each: two thirds of a
#: word's products are needed again, three quarters of a text's, nearly all of these soon.
_KEPT_WORDS, _KEPT_TEXTS = 512, 64

#: Columns of a matrix that are multiplied at once, and rows at most, where OpenBLAS has kernels for
#: products as small as that: on processors with AVX-512, by OpenBLAS's names of them.
_STRIPE_COLUMNS, _STRIPE_ROWS = 64, 16
_STRIPED_ARCHITECTURES = frozenset(["SkylakeX", "Cooperlake", "SapphireRapids"])

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
        striped = _has_small_products(self._threads)
        self._input_kernel = _Matrix(kernel[:n_vector], striped)
        self._state_kernel = _Matrix(kernel[n_vector:], striped)
        self._kernel_bias = tensors["lstm_bias"]
        self._projection = tensors["projection"].astype(np.float32)
        self._projection_bias = tensors["projection_bias"]
        self._n_vector, self._width = n_vector, width
        self._word_gates = _KeptRows(_KEPT_WORDS, 4 * width)
        self._text_gates = _KeptRows(_KEPT_TEXTS, 4 * width)
        self._texts: RecurrentStates | None = None  # those whose gates are kept
        self.end = n_words + END
        self.unknown = n_words + UNKNOWN
        zero = RecurrentStates(width, n_vector)
        zero.append(*(np.zeros((1, n), np.float32) for n in (width, width, n_vector)))
        # Weights that are no numbers are reported below.
        with self.one_thread(), np.errstate(all="ignore"):
            start = self.advance(zero, np.array([0]), np.array([self.end]))
        self._sentence_start = zero.row(start)
        if not all(np.isfinite(part).all() for part in self._sentence_start):
            raise ValueError("its weights are not numbers")

    def tensors(self) -> dict[str, FloatArray]:
        """Return the arrays that `write_recurrent_model` takes."""
        return {
            "table": self._table * self._scale[:, None],
            "bias": self._bias,
            "lstm": np.concatenate([self._input_kernel.matrix(), self._state_kernel.matrix()]),
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
        return states.append(*self._step(states, rows, words))

    def one_thread(self) -> AbstractContextManager[Any]:
        """Return a context in which products use one thread; entering it takes 0.1 ms.

        OpenBLAS ends its threads before the process forks, and a product that other threads work
        on never ends then. (From Python 3.10 on `subprocess` does not fork in that way.)
        """
        limit: AbstractContextManager[Any] = self._threads.limit(limits=1, user_api="blas")
        return limit

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
        if states is not self._texts:
            self._texts = states
            self._text_gates.clear()
        gates = self._text_gates.rows(rows.tolist(), lambda new: self._state_gates(states, new))
        gates += self._word_gates.rows(words.tolist(), self._input_gates)
        # sigmoid(x) = (1 + tanh(x / 2)) / 2
        gates[:, : 2 * width] *= np.float32(0.5)
        gates[:, 3 * width :] *= np.float32(0.5)
        np.tanh(gates, out=gates)
        halves = gates[:, : 2 * width]
        halves += 1
        cell = halves[:, width:] * states.cell[rows]
        cell += halves[:, :width] * gates[:, 2 * width : 3 * width]
        cell *= np.float32(0.5)
        output = gates[:, 3 * width :]
        output += 1
        output *= np.float32(0.5)
        hidden = output * np.tanh(cell)
        return hidden, cell, hidden @ self._projection + self._projection_bias

    def _input_gates(self, words: list[int]) -> FloatArray:
        vectors = self._table[words] * (INPUT_SCALE * self._scale[words])[:, None]
        gates = self._input_kernel.multiply(vectors.astype(np.float32))
        gates += self._kernel_bias
        return gates

    def _state_gates(self, states: RecurrentStates, rows: list[int]) -> FloatArray:
        return self._state_kernel.multiply(states.hidden[rows])


class _Matrix:
    """A matrix that rows are multiplied with.

    A product must not depend on the rows that are multiplied at the same time, since it is kept. It
    costs the time in which the matrix, 4 MB, is read. OpenBLAS reads it once for all rows only
    where it has kernels for small products; elsewhere it copies the matrix first, which takes
    longer than multiplying rows one by one (0.47 ms instead of 0.12 for two).

    Args:
        matrix: float32 (n, width).
        striped: multiply a few columns with all rows, then the next columns.
    """

    def __init__(self, matrix: FloatArray, striped: bool) -> None:
        n, width = matrix.shape
        self._striped = striped and width % _STRIPE_COLUMNS == 0
        if self._striped:
            matrix = matrix.reshape(n, -1, _STRIPE_COLUMNS).transpose(1, 0, 2)
        self._matrix = np.ascontiguousarray(matrix)

    def matrix(self) -> FloatArray:
        """Return the matrix."""
        if not self._striped:
            return self._matrix
        stripes: FloatArray = self._matrix.transpose(1, 0, 2)
        return stripes.reshape(len(stripes), -1)

    def multiply(self, rows: FloatArray) -> FloatArray:
        """Return the product with each row, float32 (n_rows, width)."""
        if not self._striped:
            products: FloatArray = np.matmul(rows[:, None], self._matrix)[:, 0]
            return products
        starts = range(0, len(rows), _STRIPE_ROWS)
        return np.concatenate([self._multiply_few(rows[i : i + _STRIPE_ROWS]) for i in starts])

    def _multiply_few(self, rows: FloatArray) -> FloatArray:
        n = len(rows)
        if n == 1:  # one row alone would be rounded differently
            rows = rows.repeat(2, axis=0)
        stripes = np.matmul(rows, self._matrix).transpose(1, 0, 2)
        products: FloatArray = stripes.reshape(len(rows), -1)[:n]
        return products


def _has_small_products(libraries: ThreadpoolController) -> bool:
    return any(
        library.get("internal_api") == "openblas"
        and library.get("architecture") in _STRIPED_ARCHITECTURES
        for library in libraries.info()
    )


class _KeptRows:
    """Rows that are costly to compute; when there is no room, those unused for longest go.

    Args:
        capacity: number of rows kept.
        width: their length.
    """

    def __init__(self, capacity: int, width: int) -> None:
        self._capacity = capacity
        self._rows = np.zeros((capacity, width), np.float32)
        self.clear()

    def clear(self) -> None:
        """Forget all rows."""
        self._places: OrderedDict[int, int] = OrderedDict()

    def rows(self, keys: list[int], compute: Callable[[list[int]], FloatArray]) -> FloatArray:
        """Return a new array with the row of each key; missing ones are computed together."""
        places, distinct = self._places, list(dict.fromkeys(keys))
        if len(distinct) > self._capacity:
            place = {key: i for i, key in enumerate(distinct)}
            return compute(distinct)[[place[key] for key in keys]]
        missing = []
        for key in distinct:
            if key in places:
                places.move_to_end(key)
            else:
                missing.append(key)
        if missing:
            computed = compute(missing)
            for key in missing:
                full = len(places) == self._capacity
                places[key] = places.popitem(last=False)[1] if full else len(places)
            self._rows[[places[key] for key in missing]] = computed
        return self._rows[[places[key] for key in keys]]


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
