"""Building a scorer: texts -> n-gram model (KenLM) -> package with its word list.

KenLM's programs ``lmplz`` and ``build_binary`` must be on the PATH; they are built from its
public sources (see the README). Words outside the vocabulary are left out before n-grams are
counted, rare n-grams are pruned, and the rest is quantised to keep the package small.
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
from pathlib import Path
from typing import IO

from streamer.decoding import Alphabet, write_scorer
from streamer.errors import ScorerError, UsageError
from streamer.training.language.settings import ScorerSettings


def weighted_texts(arguments: list[str]) -> list[tuple[Path, int]]:
    """Split ``FILE`` and ``FILE=WEIGHT``; a file whose name holds ``=`` wins.

    Raises:
        UsageError: there is no such file, or the weight is not a whole number.
    """
    texts = []
    for argument in arguments:
        name, weight = argument, 1
        if not Path(argument).exists() and "=" in argument:
            name, _, number = argument.rpartition("=")
            if not number.isdigit() or int(number) < 1:
                raise UsageError(
                    f"{argument}: the weight is not a whole number from 1",
                    "write FILE or FILE=WEIGHT, as talk.txt=3",
                )
            weight = int(number)
        if not Path(name).is_file():
            raise UsageError(f"{name}: no such file", "give the path of a text")
        texts.append((Path(name), weight))
    return texts


def open_text(path: Path) -> IO[str]:
    """Open a text, plain or ``.xz``, as UTF-8; invalid bytes become U+FFFD."""
    if path.suffix == ".xz":
        return lzma.open(path, "rt", encoding="utf-8", errors="replace")
    return open(path, encoding="utf-8", errors="replace")


def count_words(texts: Sequence[tuple[Path, int]], alphabet: Alphabet) -> Counter[str]:
    """Count the words of texts that the alphabet can spell.

    Args:
        texts: files of one sentence per line, and their weights.
        alphabet: the acoustic model's.
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
            pass  # its own message says why
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
    settings: ScorerSettings | None = None,
    extra_words: Iterable[str] = (),
) -> int:
    """Build a scorer package.

    Args:
        texts: files of one normalised sentence per line, plain or ``.xz``, and their weights:
            how often each is counted, from 1.
        output: the ``.scorer`` to write.
        alphabet: the acoustic model's.
        settings: sizes and weights; the defaults if None.
        extra_words: words of the vocabulary regardless of their count.

    Returns:
        The number of words that can be recognised.

    Raises:
        ScorerError: KenLM is missing or fails, or the texts have no words.
        UsageError: there are more thresholds than orders.
    """
    settings = settings or ScorerSettings()
    if len(settings.minimum_counts) > settings.order:
        raise UsageError(
            f"{len(settings.minimum_counts)} pruning thresholds for an order of {settings.order}",
            "give at most one threshold for each order",
        )
    counts = count_words(texts, alphabet)
    if not counts:
        raise ScorerError(
            "the texts hold no word that the alphabet can spell",
            "give texts of one sentence per line in the model's alphabet",
        )
    vocabulary = [word for word, _ in counts.most_common(settings.vocabulary)]
    extra = sorted(set(extra_words).difference(vocabulary))
    vocabulary += extra
    lmplz, build_binary = _tool("lmplz"), _tool("build_binary")
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR")) as folder:
        work = Path(folder)
        (work / "words.txt").write_text("\n".join(vocabulary) + "\n", encoding="utf-8")
        command = [lmplz, "--order", str(settings.order), "-T", str(work / "sort"), "-S"]
        command += [settings.memory, "--limit_vocab_file", str(work / "words.txt")]
        # Discounts cannot be estimated from small texts.
        command += ["--discount_fallback", "--arpa", str(work / "lm.arpa"), "--prune"]
        command += [str(count) for count in settings.minimum_counts]
        _run(command, _lines(texts))
        bits = str(settings.quantise_bits)
        options = ["-a", str(settings.pointer_bits), "-q", bits, "-b", bits, "-v", "trie"]
        _run([build_binary, *options, str(work / "lm.arpa"), str(work / "lm.binary")])
        words = vocabulary
        if settings.lexicon:
            words = vocabulary[: min(settings.lexicon, len(vocabulary) - len(extra))] + extra
        write_scorer(
            output, work / "lm.binary", sorted(words), alphabet, settings.lm_alpha, settings.lm_beta
        )
    return len(words)
