"""Lexicon: file, guesses, and decoding by phonemes."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from streamer.arrays import FloatArray
from streamer.decoding import UserWord, create_decoder, read_scorer
from streamer.decoding.lexicon.letter_to_sound import PHONEMES, LetterToSound, Pronunciation
from streamer.decoding.lexicon.lexicon import Lexicon, read_lexicon, write_lexicon
from streamer.errors import DecoderError, ModelError
from tests.support.paths import TINY_SCORER as TINY
from tests.support.posteriors import ENGLISH, chunks, letters_as_sounds, with_sounds


def said(text: str) -> Pronunciation:
    return tuple(PHONEMES.index(name) for name in text.split())


SMALL = Lexicon(
    {"cat": [said("K AE T")], "either": [said("IY DH ER"), said("AY DH ER")]},
    lambda: LetterToSound({"b": said("B"), "a": said("AE"), "ab_": said("EY"), "x": said("K S")}),
)


def test_a_lexicon_survives_writing_and_reading(tmp_path: Path) -> None:
    path, again = tmp_path / "a.gz", tmp_path / "b.gz"
    write_lexicon(SMALL, path)
    read = read_lexicon(path)
    assert dict(read.words) == SMALL.words
    assert len(read.words) == 2 and "dog" not in read.words
    assert read.rules.rules == SMALL.rules.rules
    write_lexicon(read, again)
    assert path.read_bytes() == again.read_bytes()


def test_listed_words_possessives_and_guesses() -> None:
    assert SMALL.pronunciations("either") == [said("IY DH ER"), said("AY DH ER")]
    assert SMALL.pronunciations("cat's") == [said("K AE T S")]
    assert SMALL.pronunciations("either's") == [said("IY DH ER Z"), said("AY DH ER Z")]
    # The rule with the most neighbours applies: "ab_" only at the end of a word.
    assert SMALL.pronunciations("bab") == [said("B AE B")]
    assert SMALL.pronunciations("xa") == [said("K S AE")]
    assert SMALL.pronunciations("q") == []


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"",
        lambda data: data[: len(data) // 2],
        lambda data: b"no gzip at all",
        lambda data: gzip.compress(b"another file\n"),
        lambda data: gzip.compress(b"streamer lexicon 1\ncat\tK AE T\n"),
        lambda data: gzip.compress(b"streamer lexicon 1\ncat\tK XX T\n\n"),
        lambda data: gzip.compress(b"streamer lexicon 1\ncat K AE T\n\n"),
        lambda data: gzip.compress(b"streamer lexicon 1\n\xff\tK\n\n"),
    ],
)
def test_a_damaged_lexicon_is_rejected(tmp_path: Path, damage: object) -> None:
    path = tmp_path / "a.gz"
    write_lexicon(SMALL, path)
    path.write_bytes(damage(path.read_bytes()))  # type: ignore[operator]
    with pytest.raises(ModelError, match="lexicon"):
        read_lexicon(path)


def test_a_damaged_rule_is_rejected_on_first_use(tmp_path: Path) -> None:
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(b"streamer lexicon 1\ncat\tK AE T\n\na\tXX\n"))
    lexicon = read_lexicon(path)
    assert lexicon.pronunciations("cat") == [said("K AE T")]
    with pytest.raises(ModelError, match="rule"):
        lexicon.pronunciations("a")


def _lexicon(tmp_path: Path, same: list[str]) -> Path:
    """Write a lexicon of the tiny scorer's words, some of them homophones."""
    words = {w: [letters_as_sounds(w)] for w in read_scorer(TINY).words(ENGLISH)}
    for word in same:
        words[word] = [letters_as_sounds(same[0])]
    path = tmp_path / "tiny.lexicon.gz"
    rules = LetterToSound({letter: letters_as_sounds(letter) for letter in ENGLISH.labels[1:]})
    write_lexicon(Lexicon(words, lambda: rules), path)
    return path


def _spell(text: str) -> FloatArray:
    labels = [28]
    for letter in text:
        labels += [*ENGLISH.encode(letter), 28, 28]
    rows = np.full((len(labels), 29), 0.001, np.float32)
    rows[np.arange(len(labels)), labels] = 0.972
    return with_sounds(rows)


def test_the_language_model_chooses_between_homophones(tmp_path: Path) -> None:
    words = read_scorer(TINY).words(ENGLISH)
    assert {"mother", "morning"} <= set(words)
    lexicon = _lexicon(tmp_path, ["mother", "morning"])
    decoder = create_decoder(
        "beam", ENGLISH, TINY, lexicon_path=lexicon, n_phonemes=len(PHONEMES) + 1
    )
    heard = {}
    for text in ("she came in the mother", "what elizabeth said to her mother"):
        decoder.reset()
        for chunk in chunks(_spell(text)):
            decoder.feed(chunk)
        heard[text] = decoder.finish().text
    assert heard == {
        "she came in the mother": "she came in the morning",
        "what elizabeth said to her mother": "what elizabeth said to her mother",
    }


def test_a_user_word_outside_the_lexicon_is_pronounced_by_the_rules(tmp_path: Path) -> None:
    lexicon = _lexicon(tmp_path, [])
    texts = []
    for words in ([], [UserWord("zyx", 9.0)]):
        decoder = create_decoder("beam", ENGLISH, TINY, None, words, lexicon, len(PHONEMES) + 1)
        for chunk in chunks(_spell("the zyx said")):
            decoder.feed(chunk)
        texts.append(decoder.finish().text)
    assert "zyx" not in texts[0]
    assert texts[1] == "the zyx said"


def test_a_user_word_without_a_pronunciation_is_rejected(tmp_path: Path) -> None:
    path = tmp_path / "silent.gz"
    write_lexicon(Lexicon({"the": [letters_as_sounds("the")]}, lambda: LetterToSound({})), path)
    with pytest.raises(DecoderError, match="zyx"):
        create_decoder("beam", ENGLISH, TINY, None, [UserWord("zyx")], path, len(PHONEMES) + 1)


def test_a_network_with_other_phonemes_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="phonemes"):
        create_decoder("beam", ENGLISH, TINY, lexicon_path=_lexicon(tmp_path, []), n_phonemes=12)
