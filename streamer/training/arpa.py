"""N-gram models as KenLM's ``lmplz`` writes them: mixing some, and making them small.

Kinds of text are mixed as models, not as texts: a text that is counted several
times has no n-grams that occur once, and Kneser and Ney's smoothing goes by
those. A mixture gives each word the weighted mean of what the models give it.

``lmplz`` leaves n-grams out by their counts. That is blind to what the rest of
the model would say without one; relative entropy is not: an n-gram goes if
backing off to fewer words gives nearly the same probability, weighed by how
often its context occurs (Stolcke, "Entropy-based pruning of backoff language
models", 1998). Probabilities of contexts start from real frequencies of words:
the unigrams of Kneser and Ney's smoothing are none (Chelba et al., 2010).
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, List, Mapping, Optional, Sequence, Tuple, cast

import numpy as np
import numpy.typing as npt

from streamer.errors import ScorerError

# Numbers of n-grams, and logarithms as they are kept: there are tens of millions of each.
Ints = npt.NDArray[np.int32]
Logs = npt.NDArray[np.float32]
Codes = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

#: Lines of an ARPA file that are read at a time.
_CHUNK_LINES = 200_000
#: A context's left-over probability is never less: beyond it is rounding.
_LEAST = 1e-7
#: Natural logarithm of the probability of a word that a model does not know.
_UNKNOWN = -20.0
#: How often the threshold is halved in the search for it.
_HALVINGS = 24


@dataclass
class _Order:
    """The n-grams of one length, sorted by ``code``.

    Attributes:
        context: number of each one's first n - 1 words among the shorter n-grams.
        word: number of its last word.
        suffix: number of its last n - 1 words among the shorter n-grams.
        log_p: natural logarithm of its probability after its context.
        log_back_off: that of what backing off from it costs; 0 for the longest.
        log_context: that of the probability of its context, before any word.
        n_followers: how many words were listed after it in the file.
    """

    context: Ints
    word: Ints
    suffix: Ints
    log_p: Logs
    log_back_off: Logs
    log_context: Logs
    n_followers: Ints

    def kept(self, keep: npt.NDArray[np.bool_]) -> _Order:
        return _Order(
            self.context[keep], self.word[keep], self.suffix[keep], self.log_p[keep],
            self.log_back_off[keep], self.log_context[keep], self.n_followers[keep],
        )  # fmt: skip


class Arpa:
    """An n-gram model, in which every n-gram's first and last n - 1 words are too.

    Args:
        words: the vocabulary.
        log_p: natural logarithms of the words' probabilities, float32 (words,).
        log_back_off: those of what backing off from a word costs, likewise.

    Attributes:
        words: the vocabulary.
        orders: n-grams by length; those of one word first.
    """

    def __init__(self, words: List[str], log_p: Logs, log_back_off: Logs) -> None:
        self.words = words
        no_words = np.zeros(len(words), np.int32)
        all_words = np.arange(len(words), dtype=np.int32)
        self.orders: List[_Order] = [
            _Order(no_words, all_words, no_words, log_p, log_back_off, 0 * log_p, no_words)
        ]

    @classmethod
    def read(cls, path: Path) -> Arpa:
        """Read an ARPA file.

        Raises:
            ScorerError: it is not one, or an n-gram lacks its first or its last words.
        """
        with path.open("rb") as file:
            counts = _counts(file, path)
            arpa = cls(*_unigrams(file, counts[0], len(counts) == 1))
            number = {word.encode("utf-8"): i for i, word in enumerate(arpa.words)}
            codes: List[Codes] = []
            for n in range(2, len(counts) + 1):
                section = _section(file, n, counts[n - 1], number, n == len(counts))
                arpa._add(*section, codes)
        return arpa

    def _add(self, ids: Ints, log_p: Logs, log_back_off: Logs, codes: List[Codes]) -> None:
        size = len(self.words)
        n = ids.shape[1]
        context = ids[:, 0]
        for position in range(1, n - 1):
            context = _find(codes[position - 1], _codes(context, ids[:, position], size))
        code = _codes(context, ids[:, -1], size)
        order = np.argsort(code, kind="stable")
        code, context, word = code[order], context[order], ids[order, -1]
        if n == 2:
            suffix = word
        else:
            suffix = _find(codes[-1], _codes(self.orders[-1].suffix[context], word, size))
        codes.append(code)
        shorter = self.orders[-1]
        followers = np.bincount(context, minlength=len(shorter.word))
        shorter.n_followers = followers.astype(np.int32)
        unknown = np.zeros(len(code), np.float32)
        self.orders.append(
            _Order(context, word, suffix, log_p[order], log_back_off[order], unknown, 0 * word)
        )

    @classmethod
    def mixed(cls, models: Sequence[Tuple[Arpa, float]]) -> Arpa:
        """Return the mixture of models: the weighted mean of their probabilities.

        It lists what any of them lists; what it gives to other words follows from that.

        Args:
            models: of the same length of n-grams, each with its weight; they add up to 1.
        """
        words = sorted(set().union(*(model.words for model, _ in models)))
        number = {word: i for i, word in enumerate(words)}
        parts = [_Part(model, weight, len(words), number) for model, weight in models]
        result = cls(words, _mean(parts), np.zeros(len(words), np.float32))
        before = np.zeros(0, np.int64)
        for n in range(1, len(models[0][0].orders)):
            codes = [part.codes(n) for part in parts]
            both = np.unique(np.concatenate(codes))
            context, word = (x.astype(np.int32) for x in np.divmod(both, len(words)))
            shorter = result.orders[-1]
            suffix = word
            if n > 1:
                suffix = _find(before, _codes(shorter.suffix[context], word, len(words)))
            for part, own in zip(parts, codes):
                part.extend(n, np.searchsorted(both, own), context, suffix)
            # No back-off weight is known: each follows from what is listed.
            shorter.n_followers = np.full(len(shorter.word), -1, np.int32)
            none = np.zeros(len(both), np.float32)
            result.orders.append(
                _Order(context, word, suffix, _mean(parts), none, none, 0 * word)
            )
            before = both
        return result

    def __len__(self) -> int:
        return sum(len(order.word) for order in self.orders)

    def weigh(self, counts: Mapping[str, float]) -> None:
        """Set how often contexts occur.

        Args:
            counts: of words, or shares; ``<s>`` counts sentences. Words that are missing are
                as rare as the rarest.
        """
        least = min(counts.values())
        frequencies = np.array([counts.get(word, least) for word in self.words])
        log_said = np.log(frequencies / frequencies.sum()).astype(np.float32)
        for order in self.orders[1:]:
            order.log_context = log_said[order.context]
            log_said = order.log_context + order.log_p

    def losses(self) -> List[Floats]:
        """Return for each order what leaving an n-gram out loses, in nats a word."""
        result = [np.full(len(self.words), np.inf)]
        for shorter, order in zip(self.orders, self.orders[1:]):
            p, low = _p(order.log_p), _p(shorter.log_p[order.suffix])
            left, low_left = _left_over(order, p, low, len(shorter.word))
            rest, low_rest = left[order.context], low_left[order.context]
            log_before = np.log(rest / low_rest)
            log_after = np.log((rest + p) / (low_rest + low))
            change = p * (np.log(low) + log_after - order.log_p) + rest * (log_after - log_before)
            result.append(-_p(order.log_context) * change)
        return result

    def prune(self, most: int) -> float:
        """Leave out what is least missed, until at most so many n-grams are left.

        Returns:
            The loss that an n-gram must have to stay, in nats a word.
        """
        losses = self.losses()
        if len(self) <= most:
            return 0.0
        low, high = -40.0, 0.0  # natural logarithms of the threshold
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            if sum(int(keep.sum()) for keep in self._keep(losses, np.exp(middle))) > most:
                low = middle
            else:
                high = middle
        self._leave(self._keep(losses, np.exp(high)))
        return float(np.exp(high))

    def _keep(self, losses: Sequence[Floats], threshold: float) -> List[npt.NDArray[np.bool_]]:
        keep = [loss >= threshold for loss in losses]
        # What a longer n-gram that stays begins or ends with stays too.
        for n in range(len(keep) - 1, 0, -1):
            order, stays = self.orders[n], keep[n]
            keep[n - 1][order.context[stays]] = True
            keep[n - 1][order.suffix[stays]] = True
        return keep

    def _leave(self, keep: Sequence[npt.NDArray[np.bool_]]) -> None:
        for n in range(1, len(self.orders)):
            if n > 1:
                renumbered = (np.cumsum(keep[n - 1]) - 1).astype(np.int32)
                order = self.orders[n]
                order.context, order.suffix = renumbered[order.context], renumbered[order.suffix]
            # The numbers of those that go are wrong now; they are not looked at again.
            self.orders[n] = self.orders[n].kept(keep[n])

    def write(self, path: Path) -> None:
        """Write the model as an ARPA file, with back-off weights that fit what is left."""
        names = [f"{word}" for word in self.words]
        with path.open("w", encoding="utf-8") as file:
            file.write("\\data\\\n")
            for n, order in enumerate(self.orders, 1):
                file.write(f"ngram {n}={len(order.word)}\n")
            for n, order in enumerate(self.orders, 1):
                if n > 1:
                    begin = np.array(names, dtype=object)[order.context]
                    last = np.array(self.words, dtype=object)[order.word]
                    names = (begin + " " + last).tolist()
                _write_section(file, n, names, order.log_p, self._log_back_off(n))
            file.write("\n\\end\\\n")

    def _log_back_off(self, n: int) -> Optional[Logs]:
        if n == len(self.orders):
            return None
        shorter, order = self.orders[n - 1], self.orders[n]
        p, low = _p(order.log_p), _p(shorter.log_p[order.suffix])
        left, low_left = _left_over(order, p, low, len(shorter.word))
        same = np.bincount(order.context, minlength=len(shorter.word)) == shorter.n_followers
        new = np.log(left / low_left).astype(np.float32)
        return np.where(same, shorter.log_back_off, new)


class _Part:
    """One model of a mixture, asked for the n-grams of all, one length after the other.

    Args:
        model: the model.
        weight: its share.
        n_words: size of the mixture's vocabulary.
        number: each word's number there.
    """

    def __init__(
        self, model: Arpa, weight: float, n_words: int, number: Mapping[str, int]
    ) -> None:
        self.weight = weight
        self._orders = model.orders
        self._n_words = n_words
        self._word = np.array([number[word] for word in model.words], np.int32)
        #: Where the model's n-grams of the last length are among those of all.
        self._place = self._word
        # A word that it does not know has next to no probability, not that of all unknown ones.
        self.log_p = np.full(n_words, _UNKNOWN, np.float32)
        self.log_p[self._place] = self._orders[0].log_p
        self._log_back_off = np.zeros(n_words, np.float32)
        self._log_back_off[self._place] = self._orders[0].log_back_off

    def codes(self, n: int) -> Codes:
        order = self._orders[n]
        return _codes(self._place[order.context], self._word[order.word], self._n_words)

    def extend(self, n: int, place: Any, context: Ints, suffix: Ints) -> None:
        log_p = self._log_back_off[context] + self.log_p[suffix]
        log_p[place] = self._orders[n].log_p
        self.log_p, self._place = log_p, place.astype(np.int32)
        self._log_back_off = np.zeros(len(log_p), np.float32)
        self._log_back_off[place] = self._orders[n].log_back_off


def _mean(parts: Sequence[_Part]) -> Logs:
    p = sum(part.weight * _p(part.log_p) for part in parts)
    return cast(Logs, np.log(cast(Floats, p)).astype(np.float32))


def _left_over(order: _Order, p: Floats, low: Floats, n_contexts: int) -> Tuple[Floats, Floats]:
    """Return what each context leaves to words that are not listed, by it and by less of it."""
    left = 1.0 - np.bincount(order.context, p, n_contexts)
    low_left = 1.0 - np.bincount(order.context, low, n_contexts)
    return np.maximum(left, _LEAST), np.maximum(low_left, _LEAST)


def _p(logs: Logs) -> Floats:
    return np.exp(logs.astype(np.float64))


def _codes(context: Ints, word: Ints, n_words: int) -> Codes:
    return context.astype(np.int64) * n_words + word


def _find(codes: Codes, wanted: Codes) -> Ints:
    place = np.searchsorted(codes, wanted)
    if len(wanted) and (place.max() >= len(codes) or (codes[place] != wanted).any()):
        raise ScorerError(
            "the n-gram model has an n-gram without its first or last words",
            "build it with KenLM's lmplz",
        )
    return place.astype(np.int32)


def _counts(file: IO[bytes], path: Path) -> List[int]:
    lines = list(itertools.takewhile(bytes.strip, file))
    if not lines or lines[0].strip() != b"\\data\\" or len(lines) < 2:
        raise ScorerError(f"{path}: not an ARPA file", "build it with KenLM's lmplz")
    return [int(line.partition(b"=")[2]) for line in lines[1:]]


def _unigrams(file: IO[bytes], count: int, last: bool) -> Tuple[List[str], Logs, Logs]:
    next(file)
    tokens = b"".join(itertools.islice(file, count)).split()
    next(file, None)
    step = 2 if last else 3
    log_back_off = np.zeros(count, np.float32) if last else _natural(tokens[2::step])
    words = [word.decode("utf-8") for word in tokens[1::step]]
    return words, _natural(tokens[::step]), log_back_off


def _section(
    file: IO[bytes], n: int, count: int, number: Mapping[bytes, int], last: bool
) -> Tuple[Ints, Logs, Logs]:
    next(file)
    ids = np.zeros((count, n), np.int32)
    log_p, log_back_off = np.zeros((2, count), np.float32)
    step = n + 1 if last else n + 2
    for first in range(0, count, _CHUNK_LINES):
        part = slice(first, min(first + _CHUNK_LINES, count))
        tokens = b"".join(itertools.islice(file, part.stop - first)).split()
        log_p[part] = _natural(tokens[::step])
        for position in range(n):
            words = tokens[position + 1 :: step]
            ids[part, position] = [number[word] for word in words]
        if not last:
            log_back_off[part] = _natural(tokens[n + 1 :: step])
    next(file, None)
    return ids, log_p, log_back_off


def _natural(tokens: Sequence[bytes]) -> Logs:
    values: Any = np.array(tokens).astype(np.float64) * np.log(10.0)
    return cast(Logs, values.astype(np.float32))


def _write_section(
    file: IO[str], n: int, names: Sequence[str], log_p: Logs, log_back_off: Optional[Logs]
) -> None:
    file.write(f"\n\\{n}-grams:\n")
    scale = 1 / np.log(10.0)
    for first in range(0, len(names), _CHUNK_LINES):
        part = slice(first, first + _CHUNK_LINES)
        p = (log_p[part] * scale).tolist()
        if log_back_off is None:
            lines = [f"{a:.6g}\t{name}\n" for a, name in zip(p, names[part])]
        else:
            b = (log_back_off[part] * scale).tolist()
            lines = [f"{a:.6g}\t{name}\t{c:.6g}\n" for a, name, c in zip(p, names[part], b)]
        file.writelines(lines)
