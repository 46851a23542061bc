"""N-gram models mixed and pruned: the result is still a model, and the best of its size."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from pathlib import Path
from typing import Dict, List, Tuple

import numpy as np
import pytest

from streamer.errors import ScorerError
from streamer.training.arpa import Arpa

Gram = Tuple[str, ...]
Model = Dict[Gram, Tuple[float, float]]
WORDS = list("abcde")


def _sentences(seed: int = 1) -> List[List[str]]:
    random = np.random.default_rng(seed)
    jumps = random.dirichlet([0.3] * len(WORDS), len(WORDS) ** 2)
    result = []
    for _ in range(400):
        said = [0, 0]
        while len(said) < 8:
            said.append(random.choice(len(WORDS), p=jumps[said[-2] * len(WORDS) + said[-1]]))
        result.append(["<s>", *(WORDS[i] for i in said[2:]), "</s>"])
    return result


def _counts(seed: int = 1) -> Dict[Gram, int]:
    counts: Counter[Gram] = Counter()
    for said in _sentences(seed):
        for n in (1, 2, 3):
            counts.update(tuple(said[i : i + n]) for i in range(len(said) - n + 1))
    return counts


def _write(path: Path, counts: Dict[Gram, int]) -> None:
    """An interpolated model with absolute discounts, the words after `<s>` included."""
    p: Dict[Gram, float] = {("<unk>",): 1e-3}
    total = sum(n for gram, n in counts.items() if len(gram) == 1 and gram != ("<s>",))
    back_off: Dict[Gram, float] = {}
    for n in (1, 2, 3):
        grams = [g for g in counts if len(g) == n and g[-1] != "<s>"]
        for context, group in itertools.groupby(sorted(grams), key=lambda g: g[:-1]):
            members = list(group)
            if n == 1:
                p.update({g: 0.999 * counts[g] / total for g in members})
                continue
            whole = sum(counts[g] for g in members)
            back_off[context] = 0.5 * len(members) / whole
            for g in members:
                p[g] = (counts[g] - 0.5) / whole + back_off[context] * p[g[1:]]
    p[("<s>",)] = 1.0
    lines = ["\\data\\"]
    by_order = [sorted(g for g in p if len(g) == n) for n in (1, 2, 3)]
    lines += [f"ngram {n}={len(grams)}" for n, grams in enumerate(by_order, 1)]
    for n, grams in enumerate(by_order, 1):
        lines += ["", f"\\{n}-grams:"]
        for g in grams:
            tail = f"\t{math.log10(back_off.get(g, 1.0)):.11f}" if n < 3 else ""
            lines.append(f"{math.log10(p[g]):.11f}\t{' '.join(g)}{tail}")
    path.write_text("\n".join([*lines, "", "\\end\\", ""]), encoding="utf-8")


def _read(path: Path) -> Model:
    model: Model = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        if "\t" in line:
            p, words, *rest = line.split("\t")
            model[tuple(words.split())] = (float(p), float(rest[0]) if rest else 0.0)
    return model


def _log10(model: Model, context: Gram, word: str) -> float:
    if (*context, word) in model:
        return model[(*context, word)][0]
    return model.get(context, (0.0, 0.0))[1] + _log10(model, context[1:], word)


def _cross_entropy(model: Model) -> float:
    logs = [
        _log10(model, tuple(said[max(0, i - 2) : i]), said[i])
        for said in _sentences()
        for i in range(1, len(said))
    ]
    return -sum(logs) / len(logs)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("arpa") / "whole.arpa"
    _write(path, _counts())
    return path


def _pruned(whole: Path, most: int) -> Model:
    arpa = Arpa.read(whole)
    arpa.weigh({gram[0]: n for gram, n in _counts().items() if len(gram) == 1})
    arpa.prune(most)
    assert len(arpa) <= most
    path = whole.with_name(f"{most}.arpa")
    arpa.write(path)
    return _read(path)


def test_a_model_that_is_small_enough_stays_as_it_is(whole: Path) -> None:
    before, after = _read(whole), _pruned(whole, 10_000)
    assert before.keys() == after.keys()
    for gram, (log_p, back_off) in before.items():
        assert after[gram] == pytest.approx((log_p, back_off), abs=2e-4)


@pytest.mark.parametrize("most", [100, 60, 30])
def test_what_is_left_adds_up_to_one_and_has_what_it_backs_off_to(whole: Path, most: int) -> None:
    model = _pruned(whole, most)
    assert len(model) <= most
    words = [gram[0] for gram in model if len(gram) == 1 and gram != ("<s>",)]
    for gram in model:
        assert len(gram) == 1 or (gram[1:] in model and gram[:-1] in model)
        if len(gram) < 3 and gram[-1] != "</s>":
            assert sum(10 ** _log10(model, gram, word) for word in words) == pytest.approx(1, 1e-3)


def test_it_loses_less_than_leaving_out_the_rarest(whole: Path) -> None:
    full = _read(whole)
    pruned = _pruned(whole, 60)
    counts = _counts()
    spare = sorted((g for g in full if len(g) == 3), key=lambda g: counts[g])
    rarest = {g: v for g, v in full.items() if g not in spare[: len(full) - len(pruned)]}
    lost = [_cross_entropy(m) - _cross_entropy(full) for m in (pruned, rarest)]
    assert len(rarest) == len(pruned)
    assert lost[0] < 0.7 * lost[1]
    assert _cross_entropy(_pruned(whole, 100)) <= _cross_entropy(pruned) + 1e-6


def test_a_mixture_gives_the_mean_of_what_its_models_give(whole: Path) -> None:
    other = whole.with_name("other.arpa")
    counts = {g: n for g, n in _counts(2).items() if "e" not in g}  # a word less
    _write(other, counts)
    mixture = Arpa.mixed([(Arpa.read(whole), 0.7), (Arpa.read(other), 0.3)])
    path = whole.with_name("mixture.arpa")
    mixture.write(path)
    one, two, mixed = _read(whole), _read(other), _read(path)
    assert mixed.keys() == one.keys() | two.keys()
    for gram in mixed:
        parts = [
            10 ** _log10(model, gram[:-1], gram[-1]) if gram[-1:] in model else 0.0
            for model in (one, two)
        ]
        mean = 0.7 * parts[0] + 0.3 * parts[1]
        assert 10 ** mixed[gram][0] == pytest.approx(mean, rel=1e-4)
    words = [gram[0] for gram in mixed if len(gram) == 1 and gram != ("<s>",)]
    for gram in mixed:
        if len(gram) < 3 and gram[-1] not in ("</s>", "<unk>"):
            assert sum(10 ** _log10(mixed, gram, word) for word in words) == pytest.approx(1, 2e-3)


def test_a_model_mixed_with_itself_stays_what_it_is(whole: Path) -> None:
    model = Arpa.read(whole)
    twice = Arpa.mixed([(model, 0.4), (model, 0.6)])
    assert len(twice) == len(model)
    path = whole.with_name("twice.arpa")
    twice.write(path)
    before, after = _read(whole), _read(path)
    assert before.keys() == after.keys()
    for gram in before:
        assert after[gram][0] == pytest.approx(before[gram][0], abs=1e-4)


def test_what_is_no_arpa_file_is_an_error_of_one_line(tmp_path: Path) -> None:
    path = tmp_path / "x.arpa"
    path.write_text("not a model\n", encoding="utf-8")
    with pytest.raises(ScorerError, match="not an ARPA file"):
        Arpa.read(path)
