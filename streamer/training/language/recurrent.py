"""Trains the recurrent language model that is used beside a scorer's n-grams.

The words are the scorer's. Texts are cut into pieces, shuffled, and read side by side in
many rows. What a word is worth is compared with the most frequent words and a sample of
the others (importance sampling after Bengio and Senecal, 2003, the right word taken out
of the sample); a penalty on the sum's logarithm keeps the sum of all words near one, so
that nobody has to compute it (Devlin et al., 2014).
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn.functional import embedding

from streamer.decoding.language.recurrent_model import (
    END,
    INPUT_SCALE,
    N_MARKS,
    UNKNOWN,
    read_recurrent_model,
    write_recurrent_model,
)
from streamer.errors import UsageError
from streamer.training.language.scorer import open_text
from streamer.training.network.number_formats import matrix_type

#: Words of a text that stay together when texts are shuffled.
_PIECE_WORDS = 2048
#: Words at a time that are compared with the sample: what fits into the cache.
_BLOCK_WORDS = 1024
#: Seconds between two writings of the model.
_WRITE_SECONDS = 600.0
#: Adam's decay rates and the largest norm of a gradient.
_BETAS, _NORM = (0.9, 0.99), 1.0
#: Steps until the learning rate has its full height.
_WARM_UP_STEPS = 200


@dataclass(frozen=True)
class RecurrentRecipe:
    """How the model is trained.

    Attributes:
        width: units of the LSTM.
        vector: entries of a word's vector.
        rows: texts that are read side by side.
        steps: words of each before the weights move.
        minutes: how long.
        rate: learning rate of Adam.
        constant: share of the time before the rate falls, linearly, to zero.
        always: the most frequent words, with which every word is compared.
        drawn: others, drawn anew for each step.
        sharpness: exponent of the words' frequencies when these are drawn.
        penalty: of the squared logarithm of the sum of all words.
        anew: share of the rows that forget everything at a step, as at an utterance's beginning.
        seed: of all chance.
    """

    width: int = 512
    vector: int = 256
    rows: int = 256
    steps: int = 32
    minutes: float = 60.0
    rate: float = 2e-3
    constant: float = 0.25
    always: int = 1500
    drawn: int = 2048
    sharpness: float = 0.8
    penalty: float = 0.05
    anew: float = 0.08
    seed: int = 0


class WordNetwork(nn.Module):
    """Word vectors, LSTM and projection; see `streamer.decoding.language.recurrent_model`.

    Args:
        n_entries: words and marks.
        recipe: sizes.
    """

    def __init__(self, n_entries: int, recipe: RecurrentRecipe) -> None:
        super().__init__()
        # No parameters: of these, only the rows that a step needs move.
        self.table = torch.randn(n_entries, recipe.vector) * 0.05
        self.bias = torch.zeros(n_entries)
        self.lstm = nn.LSTM(recipe.vector, recipe.width)
        self.projection = nn.Linear(recipe.width, recipe.vector)
        with torch.no_grad():
            self.lstm.bias_ih_l0[recipe.width : 2 * recipe.width] = 1.0  # remember, at first

    def forward(
        self, vectors: Tensor, state: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Return queries, float32 (steps, rows, vector), and the state, for words' vectors."""
        short = matrix_type() is torch.bfloat16
        with torch.autocast("cpu", torch.bfloat16, enabled=short):
            hidden, state = self.lstm(vectors * INPUT_SCALE, state)
            return self.projection(hidden).float(), state

    def tensors(self) -> dict[str, Any]:
        """Return the arrays of `write_recurrent_model`."""
        lstm = self.lstm
        found = {
            "table": self.table,
            "bias": self.bias,
            "lstm": torch.cat([lstm.weight_ih_l0.T, lstm.weight_hh_l0.T]),
            "lstm_bias": lstm.bias_ih_l0 + lstm.bias_hh_l0,
            "projection": self.projection.weight.T,
            "projection_bias": self.projection.bias,
        }
        return {name: value.detach().numpy() for name, value in found.items()}

    @torch.no_grad()
    def load(self, tensors: dict[str, Any]) -> None:
        """Take such arrays.

        Raises:
            UsageError: they are of other sizes.
        """
        values = {name: torch.from_numpy(np.array(value)) for name, value in tensors.items()}
        vector = self.table.shape[1]
        if (
            values["table"].shape != self.table.shape
            or values["projection"].shape != self.projection.weight.T.shape
        ):
            raise UsageError(
                "The model to go on from has another size", "give its --width and --vector"
            )
        self.table, self.bias = values["table"], values["bias"]
        self.lstm.weight_ih_l0.copy_(values["lstm"][:vector].T)
        self.lstm.weight_hh_l0.copy_(values["lstm"][vector:].T)
        self.lstm.bias_ih_l0.copy_(values["lstm_bias"])
        self.lstm.bias_hh_l0.zero_()
        self.projection.weight.copy_(values["projection"].T)
        self.projection.bias.copy_(values["projection_bias"])


class Sample(NamedTuple):
    """The entries that a step needs.

    Attributes:
        entries: their numbers, those that are always there first.
        compared: which of them each word is compared with, places in ``entries``.
        surplus: how much oftener than once each of those is expected there, a logarithm.
    """

    entries: Tensor
    compared: Tensor
    surplus: Tensor


class Sampler:
    """Draws what words are compared with.

    Args:
        counts: how often each entry occurs, float64 (n_entries,).
        recipe: how many.
    """

    def __init__(self, counts: npt.NDArray[np.float64], recipe: RecurrentRecipe) -> None:
        order = np.argsort(-counts, kind="stable")
        self._always = torch.from_numpy(order[: recipe.always].copy())
        self._others = torch.from_numpy(order[recipe.always :].copy())
        weights = counts[order[recipe.always :]] ** recipe.sharpness
        self._weights = torch.from_numpy(weights / max(weights.sum(), 1e-30))
        self._drawn = recipe.drawn if len(weights) else 0
        self._place = torch.full((len(counts),), -1, dtype=torch.int64)

    def draw(self, words: Tensor) -> tuple[Sample, Tensor]:
        """Return a sample and the places of words in its entries."""
        always = len(self._always)
        if self._drawn:
            pick = torch.multinomial(self._weights, self._drawn, replacement=True)
        else:
            pick = torch.zeros(0, dtype=torch.int64)
        drawn = self._others[pick]
        place = self._place.fill_(-1)
        place[self._always] = torch.arange(always)
        more = torch.unique(torch.cat([words.reshape(-1), drawn]))
        more = more[place[more] < 0]
        place[more] = always + torch.arange(len(more))
        expected = torch.log(self._drawn * self._weights[pick]).float()
        sample = Sample(
            torch.cat([self._always, more]),
            torch.cat([torch.arange(always), place[drawn]]),
            torch.cat([torch.zeros(always), expected]),
        )
        return sample, place[words]


class Gradients(NamedTuple):
    """What `compare` returns.

    Attributes:
        loss: mean negative logarithm of the right words' probabilities.
        queries: gradient, float32 (n, vector).
        table: gradient for the sample's entries, float32 (n_entries, vector).
        bias: the same, float32 (n_entries,).
    """

    loss: float
    queries: Tensor
    table: Tensor
    bias: Tensor


@torch.no_grad()
def compare(
    queries: Tensor, words: Tensor, table: Tensor, bias: Tensor, sample: Sample, penalty: float
) -> Gradients:
    """Compare the right words with a sample.

    Args:
        queries: float32 (n, vector).
        words: places of the right words in the sample's entries, int64 (n,).
        table: vectors of the entries.
        bias: theirs.
        sample: the others.
        penalty: see `RecurrentRecipe`.
    """
    n = len(words)
    compared = sample.compared
    short_type = matrix_type()
    vectors = table[compared].to(short_type)
    across = vectors.T.contiguous()
    offset = bias[compared] - sample.surplus
    # Where a word stands in the sample; twice drawn, the last place counts.
    place = torch.full((len(table),), -1, dtype=torch.int64)
    place[compared] = torch.arange(len(compared))
    query_gradient = torch.empty_like(queries)
    table_gradient, bias_gradient = torch.zeros_like(table), torch.zeros_like(bias)
    of_compared, of_offsets = torch.zeros(vectors.shape), torch.zeros(len(compared))
    loss = 0.0
    for start in range(0, n, _BLOCK_WORDS):
        rows = slice(start, start + _BLOCK_WORDS)
        query, right = queries[rows], words[rows]
        short = query.to(short_type)
        own = table[right]
        worth = (query * own).sum(1) + bias[right]
        others = (short @ across).float().add_(offset)
        again = place[right]
        among = torch.nonzero(again >= 0)[:, 0]
        others[among, again[among]] = -1e9
        total = torch.logaddexp(torch.logsumexp(others, 1), worth)
        loss += float((total - worth).sum())
        slope = (1 + 2 * penalty * total) / n
        share = others.sub_(total[:, None]).exp_().mul_(slope[:, None])
        short_share = share.to(short_type)
        of_offsets += share.sum(0)
        of_compared += (short_share.T @ short).float()
        of_right = slope * torch.exp(worth - total) - 1 / n
        query_gradient[rows] = (short_share @ vectors).float() + of_right[:, None] * own
        table_gradient.index_add_(0, right, of_right[:, None] * query)
        bias_gradient.index_add_(0, right, of_right)
    table_gradient.index_add_(0, compared, of_compared)
    bias_gradient.index_add_(0, compared, of_offsets)
    return Gradients(loss / n, query_gradient, table_gradient, bias_gradient)


class _RowAdam:
    """Adam for the rows of a table that have a gradient."""

    def __init__(self, n: int, width: int) -> None:
        self._mean, self._square = torch.zeros(n, width), torch.zeros(n, width)
        self._steps = torch.zeros(n)

    @torch.no_grad()
    def change(self, rows: Tensor, gradient: Tensor, rate: float) -> Tensor:
        """Return what the rows move by."""
        first, second = _BETAS
        gradient = gradient * min(1.0, _NORM / (float(gradient.norm()) + 1e-9))
        mean = self._mean[rows].mul_(first).add_(gradient, alpha=1 - first)
        square = self._square[rows].mul_(second).addcmul_(gradient, gradient, value=1 - second)
        self._mean[rows], self._square[rows] = mean, square
        self._steps[rows] += 1
        steps = self._steps[rows][:, None]
        scale = (square / (1 - second**steps)).sqrt_().add_(1e-8)
        return -rate * (mean / (1 - first**steps)) / scale


def encode(lines: Iterable[str], number: dict[str, int]) -> npt.NDArray[np.uint32]:
    """Number the words of sentences, one a line, an end behind each."""
    n_words = len(number)
    found: list[int] = []
    for line in lines:
        words = line.split()
        if words:
            found.extend(number.get(word, n_words + UNKNOWN) for word in words)
            found.append(n_words + END)
    return np.array(found, np.uint32)


class Reader:
    """Reads texts side by side, without end.

    Args:
        texts: numbered words, and how often each text counts.
        recipe: rows and steps.
        end: number of the end of a sentence.
    """

    def __init__(
        self,
        texts: Sequence[tuple[npt.NDArray[np.uint32], int]],
        recipe: RecurrentRecipe,
        end: int,
    ) -> None:
        pieces = [
            text[start : start + _PIECE_WORDS]
            for text, weight in texts
            for _ in range(weight)
            for start in range(0, len(text), _PIECE_WORDS)
        ]
        np.random.default_rng(recipe.seed).shuffle(pieces)  # type: ignore[arg-type]
        words = np.concatenate(pieces)
        least = recipe.rows * recipe.steps
        if len(words) < least:
            words = np.resize(words, least)
        self.counts = np.bincount(words, minlength=end + 1).astype(np.float64) + 1
        self._words = words[: len(words) // recipe.rows * recipe.rows].reshape(recipe.rows, -1)
        self._steps, self._at = recipe.steps, 0
        self._before = torch.full((1, recipe.rows), end, dtype=torch.int64)

    def next(self) -> tuple[Tensor, Tensor]:
        """Return words and those that follow them, int64 (steps, rows) each."""
        if self._at + self._steps > self._words.shape[1]:
            self._at = 0
        block = self._words[:, self._at : self._at + self._steps].T.astype(np.int64)
        self._at += self._steps
        following = torch.from_numpy(np.ascontiguousarray(block))
        words = torch.cat([self._before, following[:-1]])
        self._before = following[-1:].clone()
        return words, following


def train(
    texts: Sequence[tuple[Path, int]],
    words: Sequence[str],
    output: Path,
    recipe: RecurrentRecipe = RecurrentRecipe(),
    start: Path | None = None,
    dev: Sequence[str] = (),
    progress: Callable[[str], None] = lambda what: None,
) -> float:
    """Train a model and write it, every ten minutes and at the end.

    Args:
        texts: files of one sentence a line, plain or ``.xz``, and how often each counts.
        words: the words of the model; all others are one.
        output: where it goes.
        recipe: how.
        start: a model of the same words to go on from.
        dev: sentences whose perplexity is reported.
        progress: takes lines about how it goes.

    Returns:
        The mean loss of the last steps, a natural logarithm.

    Raises:
        UsageError: texts without words, or a model that does not fit.
        ModelError: a model to start with that cannot be read.
    """
    number = {word: i for i, word in enumerate(words)}
    numbered = []
    for path, weight in texts:
        with open_text(path) as lines:
            numbered.append((encode(lines, number), weight))
        progress(f"{path}: {len(numbered[-1][0]) / 1e6:.1f} million words")
    if not any(len(text) for text, _ in numbered):
        raise UsageError("The texts hold no words", "give texts of one sentence a line")
    torch.manual_seed(recipe.seed)
    end = len(words) + END
    reader = Reader(numbered, recipe, end)
    del numbered
    sampler = Sampler(reader.counts, recipe)
    network = WordNetwork(len(words) + N_MARKS, recipe)
    network.bias = torch.from_numpy(np.log(reader.counts / reader.counts.sum())).float()
    if start is not None:
        known = read_recurrent_model(start)
        if not np.array_equal(known.numbers(words), np.arange(len(words))):
            raise UsageError(
                f"{start} has other words than the scorer", "take a model of the same scorer"
            )
        network.load(known.tensors())
    dense = list(network.parameters())
    optimiser = torch.optim.Adam(dense, lr=recipe.rate, betas=_BETAS, fused=True)
    rows = _RowAdam(len(network.table), recipe.vector + 1)
    state: tuple[Tensor, Tensor] | None = None
    begun = written = time.monotonic()
    step, mean = 0, 0.0
    while True:
        now = time.monotonic()
        gone = (now - begun) / max(60 * recipe.minutes, 1e-9)
        if step and gone >= 1:
            break
        rate = recipe.rate * min(1.0, (step + 1) / _WARM_UP_STEPS)
        rate *= min(1.0, max(1 - gone, 0.0) / (1 - recipe.constant))
        for group in optimiser.param_groups:
            group["lr"] = rate
        before, following = reader.next()
        if state is not None:
            anew = torch.rand(recipe.rows) < recipe.anew
            stay = (~anew).to(state[0].dtype)[None, :, None]
            state = (state[0].detach() * stay, state[1].detach() * stay)
            before[0, anew] = end
        sample, places = sampler.draw(torch.cat([before, following]))
        table = network.table[sample.entries].requires_grad_()
        bias = network.bias[sample.entries]
        queries, state = network(embedding(places[: recipe.steps], table), state)
        queries = queries.reshape(-1, recipe.vector)
        found = compare(
            queries.detach(), places[recipe.steps :].reshape(-1), table.detach(), bias, sample,
            recipe.penalty,
        )  # fmt: skip
        optimiser.zero_grad()
        queries.backward(found.queries)  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(dense, _NORM)
        optimiser.step()
        assert table.grad is not None
        gradient = torch.cat([table.grad + found.table, found.bias[:, None]], 1)
        change = rows.change(sample.entries, gradient, rate)
        network.table[sample.entries] += change[:, :-1]
        network.bias[sample.entries] += change[:, -1]
        step += 1
        mean = found.loss if step == 1 else 0.98 * mean + 0.02 * found.loss
        if step % 100 == 0:
            speed = step * recipe.rows * recipe.steps / (time.monotonic() - begun)
            progress(
                f"minute {(now - begun) / 60:.0f}, step {step}: perplexity about"
                f" {math.exp(mean):.0f}, {speed:.0f} words a second"
            )
        if now - written > _WRITE_SECONDS:
            written = now
            write_recurrent_model(output, words, network.tensors())
    write_recurrent_model(output, words, network.tensors())
    if dev:
        progress(f"perplexity of dev: {perplexity(output, dev):.1f}")
    return mean


def perplexity(path: Path, sentences: Iterable[str]) -> float:
    """Return the perplexity of sentences to a model as it is used: its sum taken for one."""
    model = read_recurrent_model(path)
    total, n = 0.0, 0
    for sentence in sentences:
        memory = model.initial_states()
        numbers = model.numbers(sentence.split())
        for row, number in enumerate([*numbers.tolist(), model.end]):
            if number >= 0:
                total += float(model.score(memory, np.array([row]), np.array([number]))[0])
                n += 1
            after = np.array([number if number >= 0 else model.unknown])
            model.advance(memory, np.array([row]), after)
    return float(10 ** (-total / max(n, 1)))
