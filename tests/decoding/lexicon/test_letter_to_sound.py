"""Letter-to-sound rules learned from examples."""

from __future__ import annotations

from streamer.decoding.lexicon.letter_to_sound import PHONEMES, Pronunciation
from streamer.training.language.letter_to_sound import learn


def said(text: str) -> Pronunciation:
    return tuple(PHONEMES.index(name) for name in text.split())


#: A language in which c before e and i is S, x is two phonemes, and e at the end is silent.
WORDS = {
    "cat": "K AE T", "cot": "K AA T", "cut": "K AH T", "tic": "T IH K", "act": "AE K T",
    "cent": "S EH N T", "cit": "S IH T", "ceb": "S EH B", "lace": "L AE S", "nice": "N IH S",
    "tax": "T AE K S", "ox": "AA K S", "net": "N EH T", "ten": "T EH N", "bet": "B EH T",
    "tube": "T AH B", "note": "N AA T", "lane": "L AE N", "bit": "B IH T", "ton": "T AA N",
}  # fmt: skip


def test_rules_pronounce_the_words_they_were_learned_from_and_similar_ones() -> None:
    rules = learn({word: said(phonemes) for word, phonemes in WORDS.items()})
    for word, phonemes in WORDS.items():
        assert rules.pronounce(word) == said(phonemes), word
    assert rules.pronounce("cab") == said("K AE B")
    assert rules.pronounce("cell")[0] == PHONEMES.index("S")
    assert rules.pronounce("box") == said("B AA K S")
    assert rules.pronounce("bane") == said("B AE N")


def test_words_that_cannot_be_aligned_teach_nothing() -> None:
    rules = learn({"a": said("AE"), "b": said("B IY B IY B IY")})
    assert rules.pronounce("ab") == said("AE")
