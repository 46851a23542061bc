"""DeepSpeech's ``.scorer`` packages: a language model and its words.

A package is an unchanged KenLM binary, then ``TRIE``, the version 6, whether labels are bytes
of UTF-8, the weights alpha and beta (doubles), and an aligned OpenFst ConstFst of the words. The
file is mapped: of a gigabyte only the pages that are used are read.
"""

from __future__ import annotations

import contextlib
import os
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from streamer.arrays import IntArray
from streamer.decoding.alphabet import Alphabet
from streamer.decoding.language.kenlm_file import (
    HAS_WORDS_OFFSET,
    REPLACE_SCORER,
    check_kenlm_tables,
    read_kenlm_header,
)
from streamer.decoding.language.n_grams import NGrams
from streamer.decoding.scorer.fst import read_words, write_fst
from streamer.errors import ScorerError
from streamer.untrusted.regular_files import map_regular

_MAGIC = 0x54524945
_VERSION = 6

#: Magic, version, whether in bytes mode, alpha, beta.
_HEADER = struct.Struct("<ii?dd")

#: Bytes copied at once when a package is written.
_COPY_BYTES = 1 << 20


@dataclass(frozen=True)
class Scorer:
    """A scorer package whose structure has been checked.

    Attributes:
        path: the file; its first ``kenlm_size`` bytes are a KenLM binary.
        kenlm_size: bytes of the KenLM part.
        order: length of the longest n-grams.
        n_words: number of words in the language model, its markers included.
        alpha: default weight of the language model.
        beta: default score added per word.
        utf8: whether labels are bytes of UTF-8 instead of letters.
    """

    path: Path
    kenlm_size: int
    order: int
    n_words: int
    alpha: float
    beta: float
    utf8: bool

    def n_grams(self, words: Sequence[str], numbers: IntArray | None = None) -> NGrams:
        """Open the language model without reading all of it.

        Args:
            words: the words that will be looked up, by number.
            numbers: KenLM's numbers of the first of these words, if already known.

        Raises:
            ScorerError: the file has changed or is damaged.
        """
        with _naming_file(self.path):
            data = _map(self.path)
            return NGrams(data, read_kenlm_header(data), words, numbers)

    def words(self, alphabet: Alphabet) -> list[str]:
        """Return the words, sorted.

        Args:
            alphabet: the labels of the acoustic model that the scorer was made for.

        Raises:
            ScorerError: the word list is damaged or was made for another alphabet.
        """
        if self.utf8:
            raise ScorerError(
                f"{self.path.name} is for models that spell bytes, not letters",
                "use a scorer made for letters",
            )
        words: list[str] = []
        with _naming_file(self.path):
            data = _map(self.path)
            blocks = read_words(data, self.kenlm_size + _HEADER.size, len(alphabet))
            table = np.array(alphabet.labels)
            single = all(len(label) == 1 for label in alphabet.labels)
            for block in blocks:
                spelled = table[block]
                if single:
                    joined = np.ascontiguousarray(spelled).view(f"<U{block.shape[1]}").ravel()
                    words.extend(joined.tolist())
                else:
                    words.extend("".join(row) for row in spelled.tolist())
        return sorted({word.strip(" ") for word in words} - {""})


def read_scorer(path: str | Path, check_tables: bool = True) -> Scorer:
    """Read the headers of a scorer package and check its sizes and tables.

    Args:
        path: the file.
        check_tables: false if the tables of the same file were checked before.

    Raises:
        ScorerError: the file is missing, not a scorer, truncated or damaged.
    """
    path = Path(path)
    with _naming_file(path):
        data = _map(path)
        header = read_kenlm_header(data)
        offset = header.size
        if header.has_words:
            # DeepSpeech expects the rest right after the tables.
            raise ScorerError(
                "its language model has words inside",
                "build it with build_binary -v, or package it again",
            )
        if len(data) < offset + _HEADER.size:
            raise ScorerError("it ends after the language model, without words", REPLACE_SCORER)
        magic, version, utf8, alpha, beta = _HEADER.unpack_from(data, offset)
        if magic != _MAGIC:
            raise ScorerError("it has no word list after the language model", REPLACE_SCORER)
        if version != _VERSION:
            raise ScorerError(
                f"it is a package of version {version}",
                f"use one of version {_VERSION} (DeepSpeech 0.7 or later, Coqui STT)",
            )
        if not (np.isfinite(alpha) and np.isfinite(beta)):
            raise ScorerError("its weights are not numbers", REPLACE_SCORER)
        if check_tables:
            check_kenlm_tables(data, header)
        return Scorer(path, header.size, header.order, header.counts[0], alpha, beta, utf8)


def write_scorer(
    path: str | Path,
    kenlm_path: str | Path,
    words: Sequence[str],
    alphabet: Alphabet,
    alpha: float,
    beta: float,
) -> None:
    """Write a scorer package for DeepSpeech, Coqui STT and `read_scorer`.

    Args:
        path: the file; replaced only when the package is complete.
        kenlm_path: a KenLM binary (words inside it are left out) or a package,
            whose KenLM part is used.
        words: the words that can be recognised.
        alphabet: the labels that spell them.
        alpha: default weight of the language model.
        beta: default score added per word.

    Raises:
        ScorerError: no KenLM binary, no words, or the file cannot be written.
        ModelError: the alphabet cannot spell a word.
    """
    path, kenlm_path = Path(path), Path(kenlm_path)
    wanted = sorted(set(words) - {""})
    if not wanted:
        raise ScorerError("the scorer would have no words", "use at least one")
    spelled = [[*alphabet.encode(word), alphabet.space] for word in wanted]
    with _naming_file(kenlm_path):
        header = read_kenlm_header(_map(kenlm_path))
    part = path.with_name(path.name + ".part")
    try:
        with kenlm_path.open("rb") as source, part.open("wb") as target:
            for start in range(0, header.size, _COPY_BYTES):
                target.write(source.read(min(_COPY_BYTES, header.size - start)))
            target.write(_HEADER.pack(_MAGIC, _VERSION, False, alpha, beta))
            target.write(write_fst(spelled, target.tell()))
            target.seek(HAS_WORDS_OFFSET)
            target.write(b"\0")
        os.replace(part, path)
    except OSError as error:
        with contextlib.suppress(OSError):
            part.unlink()
        raise ScorerError(
            f"the scorer {path} cannot be written ({error.strerror or error})",
            "choose a writable folder with enough free space",
        ) from None


def _map(path: Path) -> memoryview:
    """Map a file; pages are read when they are used, and unmapped with the view."""
    try:
        return map_regular(path)
    except (OSError, ValueError) as error:
        if isinstance(error, ValueError):
            raise ScorerError("it is empty", REPLACE_SCORER) from None
        reason = error.strerror or error
        raise ScorerError(f"it cannot be read ({reason})", "use a .scorer file") from None


@contextlib.contextmanager
def _naming_file(path: Path) -> Iterator[None]:
    """Add the name of the file to errors."""
    try:
        yield
    except ScorerError as error:
        raise ScorerError(f"the scorer {path} cannot be used: {error.what}", error.todo) from None
