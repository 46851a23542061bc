"""The words of a scorer as the beam search needs them, in arrays that can be kept and mapped."""

from __future__ import annotations

import bisect
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple, overload

import numpy as np

from streamer.arrays import Array, FloatArray, IntArray
from streamer.decoding.alphabet import Alphabet
from streamer.decoding.language.recurrent_model import RecurrentModel
from streamer.decoding.scorer.package import Scorer
from streamer.decoding.search.prefix_tree import (
    PrefixTree,
    TokenSequences,
    add_roots,
    build_prefix_tree,
)
from streamer.decoding.search.units import WordUnits
from streamer.errors import DecoderError


class Words(Sequence[str]):
    """Words by number: sorted ones, packed into one array, and others after them.

    Eighty thousand strings and a dictionary of them would take ten times the memory.

    Args:
        text: UTF-8 of the sorted words, one after another; uint8 (n_bytes,).
        ends: where each of them ends in the text, int32 (n,).
        others: more words.
    """

    def __init__(self, text: Array, ends: Array, others: Sequence[str] = ()) -> None:
        self._others = list(others)
        self._sorted = _PackedWords(text, ends)

    @classmethod
    def of(cls, words: Sequence[str]) -> Words:
        """Return sorted words."""
        encoded = [word.encode("utf-8") for word in words]
        lengths = np.fromiter(map(len, encoded), np.int32, len(encoded))
        text = np.frombuffer(b"".join(encoded), np.uint8)
        return cls(text, np.cumsum(lengths, dtype=np.int32))

    @property
    def arrays(self) -> tuple[Array, Array]:
        """Text and ends of the sorted words."""
        return self._sorted.text, self._sorted.ends

    def with_others(self, others: Sequence[str]) -> Words:
        """Return these words followed by others."""
        return Words(*self.arrays, others)

    def number(self, word: str) -> int | None:
        """Return the number of a word, None if it is not there."""
        encoded = word.encode("utf-8")
        number = bisect.bisect_left(self._sorted, encoded)
        if number < len(self._sorted) and self._sorted[number] == encoded:
            return number
        if word in self._others:
            return len(self._sorted) + self._others.index(word)
        return None

    def __len__(self) -> int:
        return len(self._sorted) + len(self._others)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> list[str]: ...
    def __getitem__(self, index: int | slice) -> str | list[str]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        if index < len(self._sorted):
            return self._sorted[index].decode("utf-8")
        return self._others[index - len(self._sorted)]


class _PackedWords(Sequence[bytes]):
    def __init__(self, text: Array, ends: Array) -> None:
        self.text, self.ends = text, ends

    def __len__(self) -> int:
        return len(self.ends)

    @overload
    def __getitem__(self, index: int) -> bytes: ...
    @overload
    def __getitem__(self, index: slice) -> list[bytes]: ...
    def __getitem__(self, index: int | slice) -> bytes | list[bytes]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        start = int(self.ends[index - 1]) if index else 0
        return self.text[start : int(self.ends[index])].tobytes()


class BaseVocabulary(NamedTuple):
    """The words of a scorer, without the user's.

    Attributes:
        words: all words by number.
        numbers: KenLM's number of each word, int32 (n_words,).
        recurrent: the recurrent model's number of each word, -1 for unknown words; int32
            (n_words,), empty without such a model.
        unigrams: common logarithm of each word's probability, float32 (n_words,).
        kept: whether the search can find a word, uint8 (n_words,).
        sequences: token sequences of these words.
        tree: their prefix tree with its roots; its scores are the unigrams.
    """

    words: Words
    numbers: IntArray
    recurrent: IntArray
    unigrams: FloatArray
    kept: Array
    sequences: TokenSequences
    tree: PrefixTree

    def arrays(self) -> dict[str, Array]:
        """Return the arrays by name, for a file."""
        text, ends = self.words.arrays
        found = {"text": text, "ends": ends}
        for name in ("numbers", "recurrent", "unigrams", "kept"):
            found[name] = getattr(self, name)
        for part in ("sequences", "tree"):
            for name, array in getattr(self, part)._asdict().items():
                found[f"{part}.{name}"] = array
        return found


def build_base_vocabulary(
    alphabet: Alphabet,
    scorer: Scorer,
    units: WordUnits,
    max_words: int,
    recurrent: RecurrentModel | None,
    excluded: Collection[str] = (),
) -> BaseVocabulary:
    """Build the vocabulary of a scorer; takes a second for 80,000 words.

    Args:
        alphabet: the labels.
        scorer: language model and words.
        units: what words are made of.
        max_words: words kept, the likeliest.
        recurrent: a recurrent model, if there is one.
        excluded: words that are not kept.

    Raises:
        DecoderError: the alphabet lacks letters of the scorer's words.
        ScorerError: the scorer's file has changed or is damaged.
    """
    words = scorer.words(alphabet)
    n_grams = scorer.n_grams(words)
    kept = keep_likeliest(n_grams.unigrams, max_words)
    if excluded:
        kept &= np.array([word not in excluded for word in words], bool)
    sequences = spell(units, [(number, words[number]) for number in np.flatnonzero(kept).tolist()])
    return BaseVocabulary(
        words=Words.of(words),
        numbers=n_grams.numbers.astype(np.int32),
        recurrent=np.zeros(0, np.int32) if recurrent is None else recurrent.numbers(words),
        unigrams=n_grams.unigrams,
        kept=kept.astype(np.uint8),
        sequences=sequences,
        tree=add_roots(build_prefix_tree(sequences, n_grams.unigrams), units.n_tokens),
    )


def keep_likeliest(unigrams: FloatArray, max_words: int) -> Array:
    """Return which words are kept, bool (n_words,)."""
    kept = np.ones(len(unigrams), bool)
    if len(unigrams) > max_words:
        kept[np.argsort(-unigrams, kind="stable")[max_words:]] = False
    return kept


def spell(units: WordUnits, words: Sequence[tuple[int, str]]) -> TokenSequences:
    """Return the token sequences of numbered words.

    Raises:
        DecoderError: the alphabet lacks letters.
    """
    sequences: list[list[int]] = []
    numbers: list[int] = []
    try:
        for number, word in words:
            for sequence in units.token_sequences(word):
                sequences.append(sequence)
                numbers.append(number)
    except KeyError as error:
        raise DecoderError(
            f"the model's alphabet cannot spell the scorer's words: it has no label {error}",
            "choose --decoder ds or --decoder greedy",
        ) from None
    return TokenSequences.of(sequences, numbers)


def read_base_vocabulary(
    arrays: Mapping[str, Array],
    alphabet: Alphabet,
    n_tokens: int,
    n_kenlm_words: int,
    n_recurrent: int,
) -> BaseVocabulary:
    """Check arrays and return their vocabulary.

    Args:
        arrays: what `BaseVocabulary.arrays` returned.
        alphabet: the labels.
        n_tokens: number of tokens.
        n_kenlm_words: number of words in the scorer's language model.
        n_recurrent: number of words that the recurrent model knows; 0 without one.

    Raises:
        ValueError: an array is missing, or has another kind or shape, or values outside of
            their range.
    """
    try:
        vocabulary = BaseVocabulary(
            words=Words(arrays["text"], arrays["ends"]),
            sequences=TokenSequences(*[arrays[f"sequences.{n}"] for n in TokenSequences._fields]),
            tree=PrefixTree(*[arrays[f"tree.{n}"] for n in PrefixTree._fields]),
            **{name: arrays[name] for name in ("numbers", "recurrent", "unigrams", "kept")},
        )
    except KeyError as error:
        raise ValueError(f"{error} is missing") from None
    _check_kinds(arrays)
    n_words = len(vocabulary.words)
    _check_words(arrays["text"], arrays["ends"], alphabet)
    known = vocabulary.recurrent
    _require(len(known) == (n_words if n_recurrent else 0))
    for array in (vocabulary.numbers, vocabulary.unigrams, vocabulary.kept):
        _require(len(array) == n_words)
    _require(_within(vocabulary.numbers, 0, n_kenlm_words) and _within(known, -1, n_recurrent))
    _require(bool(np.isfinite(vocabulary.unigrams).all()) and _within(vocabulary.kept, 0, 2))
    tokens, lengths, words = vocabulary.sequences
    _require(len(lengths) == len(words) and _within(words, 0, n_words))
    _require(_within(tokens, 0, n_tokens) and _within(lengths, 1, len(tokens) + 1))
    _require(int(lengths.sum(dtype=np.int64)) == len(tokens))
    _check_tree(vocabulary.tree, n_tokens, n_words)
    return vocabulary


def _check_kinds(arrays: Mapping[str, Array]) -> None:
    kinds = {"text": "uint8", "kept": "uint8", "sequences.tokens": "uint16"}
    kinds.update({"unigrams": "float32", "tree.best": "float32"})
    for name, array in arrays.items():
        _require(array.ndim == 1 and array.dtype.name == kinds.get(name, "int32"))


def _check_words(text: Array, ends: Array, alphabet: Alphabet) -> None:
    """Check that words are not empty, begin at characters, and only have the alphabet's."""
    _require(len(ends) > 0 and int(ends[0]) > 0 and int(ends[-1]) == len(text))
    _require(bool((ends[1:] > ends[:-1]).all()))
    seen = np.flatnonzero(np.bincount(text, minlength=256)).tolist()
    _require(set(seen) <= set("".join(alphabet.labels).encode("utf-8")))
    try:
        bytes(text).decode("utf-8")
    except UnicodeDecodeError:
        _require(False)
    _require(not ((text[ends[:-1]] & 0xC0) == 0x80).any())


def _check_tree(tree: PrefixTree, n_tokens: int, n_words: int) -> None:
    """Check that each node but the roots is the child of one other, before it."""
    n = len(tree.token)
    n_nodes = n - n_tokens
    _require(n_nodes > 0)
    _require(all(len(a) == n for a in (tree.first_child, tree.n_children, tree.best)))
    _require(len(tree.first_word) == len(tree.n_words) == n_nodes)
    _require(_within(tree.token, -1, n_tokens) and _within(tree.word, 0, n_words))
    _require(bool((tree.token[n_nodes:] == np.arange(n_tokens)).all()))
    _require(_within(tree.n_children, 0, n_tokens + 1))
    first, count = tree.first_child[:n_nodes].astype(np.int64), tree.n_children[:n_nodes]
    _require(bool((first == 1 + np.cumsum(count, dtype=np.int64) - count).all()))
    _require(int(count.sum(dtype=np.int64)) == n_nodes - 1)
    _require(bool((first > np.arange(n_nodes))[count > 0].all()))
    _require(bool((tree.first_child[n_nodes:] == first[0]).all()))
    _require(bool((tree.n_children[n_nodes:] == count[0]).all()))
    ends = np.cumsum(tree.n_words, dtype=np.int64)
    _require(_within(tree.n_words, 0, len(tree.word) + 1) and int(ends[-1]) == len(tree.word))
    _require(bool((tree.first_word == ends - tree.n_words).all()))
    _require(bool(np.isfinite(tree.best).all()))


def _within(array: Array, low: int, high: int) -> bool:
    """Whether all values are at least low and below high."""
    return not len(array) or bool(array.min() >= low and array.max() < high)


def _require(condition: bool) -> None:
    if not condition:
        raise ValueError("invalid arrays")
