"""Training of the recurrent language model that the decoder uses beside a scorer's n-grams.

Its words are the scorer's. Texts are cut into pieces, shuffled, and read side by side in a
batch; the loss is a `sampled_softmax`.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Callable

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn.functional import embedding

from streamer.decoding.language.recurrent_model import (
    END,
    N_MARKS,
    UNKNOWN,
    read_recurrent_model,
    write_recurrent_model,
)
from streamer.errors import UsageError
from streamer.training.language.recurrent_network import WordNetwork
from streamer.training.language.sampled_softmax import Sampler, sampled_softmax
from streamer.training.language.scorer import open_text
from streamer.training.language.settings import RecurrentSettings

#: Words of a text that stay together when texts are shuffled.
_PIECE_WORDS = 2048
#: Seconds between two writings of the model.
_WRITE_SECONDS = 600.0
#: Adam's decay rates.
_BETAS = (0.9, 0.99)
_MAX_GRADIENT_NORM = 1.0
#: Steps over which the learning rate rises.
_WARM_UP_STEPS = 200
#: Decay of the running loss, and steps between two lines of the log.
_LOSS_DECAY, _LOG_STEPS = 0.98, 100


class _RowAdam:
    """Adam for those rows of a table that have a gradient."""

    def __init__(self, n: int, width: int) -> None:
        self._mean, self._square = torch.zeros(n, width), torch.zeros(n, width)
        self._steps = torch.zeros(n)

    @torch.no_grad()
    def update(self, rows: Tensor, gradient: Tensor, lr: float) -> Tensor:
        """Return the update of rows."""
        first, second = _BETAS
        gradient = gradient * min(1.0, _MAX_GRADIENT_NORM / (float(gradient.norm()) + 1e-9))
        mean = self._mean[rows].mul_(first).add_(gradient, alpha=1 - first)
        square = self._square[rows].mul_(second).addcmul_(gradient, gradient, value=1 - second)
        self._mean[rows], self._square[rows] = mean, square
        self._steps[rows] += 1
        steps = self._steps[rows][:, None]
        scale = (square / (1 - second**steps)).sqrt_().add_(1e-8)
        return -lr * (mean / (1 - first**steps)) / scale


def encode(lines: Iterable[str], numbers: dict[str, int]) -> npt.NDArray[np.uint32]:
    """Return the numbers of the words of lines, an end mark after each, uint32 (n,)."""
    n_words = len(numbers)
    found: list[int] = []
    for line in lines:
        words = line.split()
        if words:
            found.extend(numbers.get(word, n_words + UNKNOWN) for word in words)
            found.append(n_words + END)
    return np.array(found, np.uint32)


class Reader:
    """Reads texts side by side, endlessly.

    Args:
        texts: numbers of the words of each text, and the text's weight.
        settings: size of a batch.
        end: number of the end mark.

    Attributes:
        counts: occurrences of each entry plus one, float64 (n_entries,).
    """

    def __init__(
        self,
        texts: Sequence[tuple[npt.NDArray[np.uint32], int]],
        settings: RecurrentSettings,
        end: int,
    ) -> None:
        pieces = [
            text[start : start + _PIECE_WORDS]
            for text, weight in texts
            for _ in range(weight)
            for start in range(0, len(text), _PIECE_WORDS)
        ]
        np.random.default_rng(settings.seed).shuffle(pieces)  # type: ignore[arg-type]
        words = np.concatenate(pieces)
        least = settings.batch_size * settings.bptt_steps
        if len(words) < least:
            words = np.resize(words, least)
        self.counts = np.bincount(words, minlength=end + 1).astype(np.float64) + 1
        self._words = words[: len(words) // settings.batch_size * settings.batch_size].reshape(
            settings.batch_size, -1
        )
        self._steps, self._at = settings.bptt_steps, 0
        self._before = torch.full((1, settings.batch_size), end, dtype=torch.int64)

    def next(self) -> tuple[Tensor, Tensor]:
        """Return words and the words that follow them, int64 (steps, batch) each."""
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
    settings: RecurrentSettings | None = None,
    start: Path | None = None,
    dev: Sequence[str] = (),
    progress: Callable[[str], None] = lambda what: None,
    clock: Callable[[], float] = time.monotonic,
) -> float:
    """Train a model and write it, every ten minutes and at the end.

    Args:
        texts: files of one sentence per line, plain or ``.xz``, and their weights.
        words: the words of the model; all others share one entry.
        output: file to write.
        settings: sizes and schedule; the defaults if None.
        start: model of the same words to start from.
        dev: sentences whose perplexity is logged at the end.
        progress: prints a line of the log.
        clock: seconds, for the schedule.

    Returns:
        The running mean of the loss, a natural logarithm.

    Raises:
        UsageError: the texts have no words, or the model to start from does not fit.
        ModelError: the model to start from cannot be read.
    """
    settings = settings or RecurrentSettings()
    numbered = _numbered(texts, words, progress)
    torch.manual_seed(settings.seed)
    reader = Reader(numbered, settings, len(words) + END)
    del numbered
    loop = _Loop(reader, words, settings)
    if start is not None:
        known = read_recurrent_model(start)
        if not np.array_equal(known.numbers(words), np.arange(len(words))):
            raise UsageError(
                f"{start} has other words than the scorer", "take a model of the same scorer"
            )
        loop.network.load(known.tensors())
    started = written = clock()
    step, mean = 0, 0.0
    while True:
        now = clock()
        done_share = (now - started) / max(60 * settings.minutes, 1e-9)
        if step and done_share >= 1:
            break
        rise = min(1.0, (step + 1) / _WARM_UP_STEPS)
        left = max(1 - done_share, 0.0) / (1 - settings.lr_hold_share)
        loss = loop.step(settings.lr * rise * min(1.0, left))
        step += 1
        mean = loss if step == 1 else _LOSS_DECAY * mean + (1 - _LOSS_DECAY) * loss
        if step % _LOG_STEPS == 0:
            n_words = step * settings.batch_size * settings.bptt_steps
            progress(
                f"minute {(now - started) / 60:.0f}, step {step}: perplexity about"
                f" {math.exp(mean):.0f}, {n_words / max(clock() - started, 1e-9):.0f} words/s"
            )
        if now - written > _WRITE_SECONDS:
            written = now
            write_recurrent_model(output, words, loop.network.tensors())
    write_recurrent_model(output, words, loop.network.tensors())
    if dev:
        progress(f"perplexity of dev: {perplexity(output, dev):.1f}")
    return mean


def _numbered(
    texts: Sequence[tuple[Path, int]], words: Sequence[str], progress: Callable[[str], None]
) -> list[tuple[npt.NDArray[np.uint32], int]]:
    numbers = {word: i for i, word in enumerate(words)}
    numbered = []
    for path, weight in texts:
        with open_text(path) as lines:
            numbered.append((encode(lines, numbers), weight))
        progress(f"{path}: {len(numbered[-1][0]) / 1e6:.1f} million words")
    if not any(len(text) for text, _ in numbered):
        raise UsageError("the texts hold no words", "give texts of one sentence per line")
    return numbered


class _Loop:
    """Network, optimisers and state of the texts that are read.

    Args:
        reader: yields words.
        words: the words of the model.
        settings: sizes.
    """

    def __init__(self, reader: Reader, words: Sequence[str], settings: RecurrentSettings) -> None:
        self._reader, self._settings = reader, settings
        self._end = len(words) + END
        self._sampler = Sampler(reader.counts, settings)
        self.network = WordNetwork(len(words) + N_MARKS, settings)
        self.network.bias = torch.from_numpy(np.log(reader.counts / reader.counts.sum())).float()
        self._dense = list(self.network.parameters())
        self._adam = torch.optim.Adam(self._dense, lr=settings.lr, betas=_BETAS, fused=True)
        self._row_adam = _RowAdam(len(self.network.table), settings.embedding_size + 1)
        self._state: tuple[Tensor, Tensor] | None = None

    def step(self, lr: float) -> float:
        """Train on the next words; return the loss."""
        settings, network = self._settings, self.network
        for group in self._adam.param_groups:
            group["lr"] = lr
        words, targets = self._reader.next()
        if self._state is not None:
            self._reset_some(words)
        sample, places = self._sampler.draw(torch.cat([words, targets]))
        table = network.table[sample.entries].requires_grad_()
        bias = network.bias[sample.entries]
        queries, self._state = network(embedding(places[: settings.bptt_steps], table), self._state)
        queries = queries.reshape(-1, settings.embedding_size)
        found = sampled_softmax(
            queries.detach(), places[settings.bptt_steps :].reshape(-1), table.detach(), bias,
            sample, settings.normalisation_weight,
        )  # fmt: skip
        self._adam.zero_grad()
        queries.backward(found.queries)  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self._dense, _MAX_GRADIENT_NORM)
        self._adam.step()
        assert table.grad is not None
        gradient = torch.cat([table.grad + found.table, found.bias[:, None]], 1)
        update = self._row_adam.update(sample.entries, gradient, lr)
        network.table[sample.entries] += update[:, :-1]
        network.bias[sample.entries] += update[:, -1]
        return float(found.loss)

    def _reset_some(self, words: Tensor) -> None:
        """Detach the state, and reset it for some texts, whose first word becomes the end mark."""
        assert self._state is not None
        reset = torch.rand(self._settings.batch_size) < self._settings.reset_share
        keep = (~reset).to(self._state[0].dtype)[None, :, None]
        self._state = (self._state[0].detach() * keep, self._state[1].detach() * keep)
        words[0, reset] = self._end


def perplexity(path: Path, sentences: Iterable[str]) -> float:
    """Return a model's perplexity of sentences, taking the sum over all words as 1, as in use."""
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
