"""Builds a scorer: texts -> n-gram model (KenLM) -> package with its word list.

KenLM's programs ``lmplz`` and ``build_binary`` have to be on the PATH; they
are built from its public sources (the README says how). Words beyond the
vocabulary are cut before n-grams are counted, rare n-grams by count, and what
is left is quantised, so that the package stays small.
"""

from __future__ import annotations

import lzma
import os
import re
import shutil
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from streamer.decoding import Alphabet, write_scorer
from streamer.errors import ScorerError, UsageError


@dataclass(frozen=True)
class ScorerRecipe:
    """How a scorer is built.

    Attributes:
        order: longest n-gram.
        vocabulary: at most so many words, the most frequent ones.
        lexicon: at most so many of them become words the decoder can say; the
            rest only serve the counts. 0 for all.
        minimum_counts: n-grams seen fewer times are left out, an entry for
            each order; as KenLM's ``--prune``, where 0 keeps everything.
        quantise_bits: bits of a probability and of a back-off weight.
        pointer_bits: longest run that the trie's pointers compress, as
            KenLM's ``build_binary -a``.
        lm_alpha: weight of the language model, stored in the package.
        lm_beta: reward of a word, stored in the package.
        memory: what ``lmplz`` may use, as its ``-S``.
    """

    order: int = 4
    vocabulary: int = 80_000
    lexicon: int = 0
    minimum_counts: tuple[int, ...] = (0, 0, 1, 2)
    quantise_bits: int = 8
    pointer_bits: int = 255
    lm_alpha: float = 0.931289039105002
    lm_beta: float = 1.1834137581510284
    memory: str = "40%"


def weighted_texts(arguments: list[str]) -> list[tuple[Path, int]]:
    """Split ``FILE`` and ``FILE=WEIGHT``; a file whose name holds ``=`` wins.

    Raises:
        UsageError: no such file, or a weight that is none.
    """
    texts = []
    for argument in arguments:
        name, weight = argument, 1
        if not Path(argument).exists() and "=" in argument:
            name, _, number = argument.rpartition("=")
            if not number.isdigit() or int(number) < 1:
                raise UsageError(
                    f"{argument}: the weight is no whole number from 1",
                    "write FILE or FILE=WEIGHT, as talk.txt=3",
                )
            weight = int(number)
        if not Path(name).is_file():
            raise UsageError(f"{name}: no such file", "give the path of a text")
        texts.append((Path(name), weight))
    return texts


def open_text(path: Path) -> IO[str]:
    """Open a text, plain or ``.xz``, as UTF-8; bytes that are none become U+FFFD."""
    if path.suffix == ".xz":
        return lzma.open(path, "rt", encoding="utf-8", errors="replace")
    return open(path, encoding="utf-8", errors="replace")


def count_words(texts: Sequence[tuple[Path, int]], alphabet: Alphabet) -> Counter[str]:
    """Count the words of texts that the alphabet can spell.

    Args:
        texts: files of one sentence a line, each with how often it counts.
        alphabet: what words are spelled with.
    """
    labels = {label for label in alphabet.labels if label != " "}
    total: Counter[str] = Counter()
    for path, weight in texts:
        counts: Counter[str] = Counter()
        with open_text(path) as lines:
            for line in lines:
                counts.update(line.split())
        for word, count in counts.items():
            total[word] += weight * count
    for word in [word for word in total if not labels.issuperset(word)]:
        del total[word]
    return total


def _tool(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise ScorerError(
            f"KenLM's program {name} is not on the PATH",
            "build KenLM from its public sources (github.com/kpu/kenlm) and add build/bin to PATH",
        )
    return found


def _lines(texts: Iterable[tuple[Path, int]]) -> Iterator[bytes]:
    for path, weight in texts:
        for _ in range(weight):
            with open_text(path) as lines:
                for line in lines:
                    words = " ".join(line.split())
                    if words:
                        yield words.encode("utf-8") + b"\n"


def _run(command: list[str], feed: Iterable[bytes] = ()) -> None:
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=log, stderr=log)
        assert process.stdin is not None
        try:
            for line in feed:
                process.stdin.write(line)
            process.stdin.close()
        except BrokenPipeError:
            pass  # it ended early: its own words say why
        if process.wait() != 0:
            log.seek(0)
            words = log.read().decode("utf-8", "replace").strip().splitlines()
            reason = next((w for w in reversed(words) if "what()" in w or "rror" in w), "")
            reason = re.sub(r"\s+", " ", reason or (words[-1] if words else "no reason given"))
            raise ScorerError(
                f"{Path(command[0]).name} failed: {reason[:300]}",
                "give it more text, a lower --order, or no pruning (--prune 0)",
            )


def build_scorer(
    texts: Sequence[tuple[Path, int]],
    output: Path,
    alphabet: Alphabet,
    recipe: ScorerRecipe = ScorerRecipe(),
    extra_words: Iterable[str] = (),
) -> int:
    """Build a scorer package.

    Args:
        texts: files of one normalised sentence a line, plain or ``.xz``, each
            with how many times it is counted (at least 1).
        output: the ``.scorer`` to write.
        alphabet: the acoustic model's.
        recipe: sizes and weights.
        extra_words: words that belong to the vocabulary whatever their count.

    Returns:
        The number of words that the package can recognise.

    Raises:
        ScorerError: KenLM is missing or fails, or the text is empty.
        UsageError: the recipe does not fit together.
    """
    if len(recipe.minimum_counts) > recipe.order:
        raise UsageError(
            f"{len(recipe.minimum_counts)} pruning thresholds for an order of {recipe.order}",
            "give at most one threshold for each order",
        )
    counts = count_words(texts, alphabet)
    if not counts:
        raise ScorerError(
            "the texts hold no word that the alphabet can spell",
            "give texts of one sentence a line in the model's own letters",
        )
    vocabulary = [word for word, _ in counts.most_common(recipe.vocabulary)]
    extra = sorted(set(extra_words).difference(vocabulary))
    vocabulary += extra
    lmplz, build_binary = _tool("lmplz"), _tool("build_binary")
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR")) as folder:
        work = Path(folder)
        (work / "words.txt").write_text("\n".join(vocabulary) + "\n", encoding="utf-8")
        command = [lmplz, "--order", str(recipe.order), "-T", str(work / "sort"), "-S"]
        command += [recipe.memory, "--limit_vocab_file", str(work / "words.txt")]
        # Small texts have no counts of counts to estimate discounts from.
        command += ["--discount_fallback", "--arpa", str(work / "lm.arpa"), "--prune"]
        command += [str(count) for count in recipe.minimum_counts]
        _run(command, _lines(texts))
        bits = str(recipe.quantise_bits)
        options = ["-a", str(recipe.pointer_bits), "-q", bits, "-b", bits, "-v", "trie"]
        _run([build_binary, *options, str(work / "lm.arpa"), str(work / "lm.binary")])
        words = vocabulary
        if recipe.lexicon:
            words = vocabulary[: min(recipe.lexicon, len(vocabulary) - len(extra))] + extra
        write_scorer(
            output, work / "lm.binary", sorted(words), alphabet, recipe.lm_alpha, recipe.lm_beta
        )
    return len(words)
