"""The text side of the recipe: sentences as spoken, prompts, held-out sentences, scorers."""

from __future__ import annotations

import random
import re
import shutil
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamer.decoding import Alphabet, DecodingSettings, create_decoder, read_scorer
from streamer.errors import ScorerError, UsageError
from streamer.training.language.held_out import HeldOutFilter
from streamer.training.language.normalisation import normalise, split_sentences
from streamer.training.language.prompts import prompts
from streamer.training.language.scorer import build_scorer, count_words
from streamer.training.language.settings import ScorerSettings

ENGLISH = Alphabet(" abcdefghijklmnopqrstuvwxyz'")
needs_kenlm = pytest.mark.skipif(
    not (shutil.which("lmplz") and shutil.which("build_binary")),
    reason="needs KenLM's lmplz and build_binary on the PATH",
)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("Mr. Smith's dog didn't bark.", "mister smith's dog didn't bark"),
        ("‘Café’ — naïve", "cafe naive"),
        ("rock & roll", "rock and roll"),
        ("'Twas the dogs' bone", "twas the dogs bone"),
        ("", ""),
        ("?!", ""),
    ],
)
def test_a_sentence_is_written_as_it_is_spoken(written: str, said: str) -> None:
    assert normalise(written) == said


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("in 1812", "in eighteen twelve"),
        ("the 3rd of May", "the third of may"),
        ("1,200 men", "one thousand two hundred men"),
        ("No. 5", "number five"),
    ],
)
def test_numbers_are_written_out(written: str, said: str) -> None:
    pytest.importorskip("num2words", reason="needs num2words")
    assert normalise(written).replace(" and ", " ") == said


def test_running_text_is_cut_into_sentences() -> None:
    text = 'He said: "No."\nShe left; Mr. Jones\nstayed. Why?\n\nA new one'
    assert list(split_sentences(text)) == [
        "he said",
        "no",
        "she left",
        "mister jones stayed",
        "why",
        "a new one",
    ]


@settings(max_examples=50, deadline=None)
@given(st.text(alphabet=st.characters(blacklist_categories=("Nd", "Nl", "No"))))
def test_whatever_is_written_only_letters_are_spoken(written: str) -> None:
    assert re.fullmatch(r"([a-z']+( [a-z']+)*)?", normalise(written))


def test_prompts_are_reproducible_varied_and_spelled_with_the_alphabet() -> None:
    made = list(prompts(500, ["pittsburgh", "o'neill", "lloyd"], seed=3))
    assert made == list(prompts(500, ["pittsburgh", "o'neill", "lloyd"], seed=3))
    assert made != list(prompts(500, ["pittsburgh", "o'neill", "lloyd"], seed=4))
    assert len(set(made)) > 300
    assert all(ENGLISH.can_spell(line) and line == " ".join(line.split()) for line in made)
    assert "p i t t s b u r g h" in made
    assert any(re.fullmatch(r"(yes|no|stop|go|help)", line) for line in made)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10**6))
def test_a_line_that_quotes_a_held_out_sentence_is_found(seed: int) -> None:
    rng = random.Random(seed)
    known = "the a of cat sat on mat and dog ran away home".split()
    words = [rng.choice(known) for _ in range(14)]
    held_out = HeldOutFilter([" ".join(words)])
    start = rng.randrange(len(words) - 5)
    quoted = ["well", *words[start : start + 6], "indeed"]
    assert held_out.overlaps(" ".join(quoted))
    assert held_out.overlaps(" ".join(words[start : start + 3]))
    assert not held_out.overlaps("completely other words stand in this line here")
    assert not held_out.overlaps(" ".join(words[start : start + 2]))


def test_words_count_by_the_weight_of_their_text(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("one two\nnaïve 3\n", encoding="utf-8")
    (tmp_path / "b.txt").write_text("two\n", encoding="utf-8")
    counts = count_words([(tmp_path / "a.txt", 1), (tmp_path / "b.txt", 5)], ENGLISH)
    assert counts == {"one": 1, "two": 6}


def test_texts_without_words_and_recipes_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    text = tmp_path / "a.txt"
    text.write_text("123\n", encoding="utf-8")
    with pytest.raises(ScorerError, match="no word"):
        build_scorer([(text, 1)], tmp_path / "x.scorer", ENGLISH)
    with pytest.raises(UsageError, match="thresholds"):
        build_scorer([(text, 1)], tmp_path / "x.scorer", ENGLISH, ScorerSettings(order=2))


def test_without_kenlm_it_says_where_that_comes_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "a.txt").write_text("one two\n", encoding="utf-8")
    with pytest.raises(ScorerError, match="lmplz is not on the PATH - build KenLM"):
        build_scorer([(tmp_path / "a.txt", 1)], tmp_path / "x.scorer", ENGLISH)


@needs_kenlm
def test_a_scorer_of_ones_own_text_decodes(tmp_path: Path) -> None:
    text = tmp_path / "a.txt"
    text.write_text("open the pod bay doors\nclose the doors\n" * 20, encoding="utf-8")
    recipe = ScorerSettings(order=3, minimum_counts=(0,))
    n = build_scorer([(text, 1)], tmp_path / "x.scorer", ENGLISH, recipe, ["hal"])
    assert n == 7
    scorer = read_scorer(tmp_path / "x.scorer")
    assert set(scorer.words(ENGLISH)) == set("open the pod bay doors close hal".split())
    decoder = create_decoder("beam", ENGLISH, tmp_path / "x.scorer", DecodingSettings())
    decoder.feed(_sharp("open the pod bay doors"))
    assert decoder.finish().text == "open the pod bay doors"


def _sharp(text: str):  # type: ignore[no-untyped-def]
    import numpy as np

    rows = []
    for letter in text:
        for label in (ENGLISH.encode(letter)[0], ENGLISH.blank):
            row = np.full(len(ENGLISH) + 1, 1e-3, np.float32)
            row[label] = 0.9
            rows.append(row / row.sum())
    return np.stack(rows).astype(np.float32)
