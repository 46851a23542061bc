"""When an utterance is over: rules on trailing silence, in the manner of sherpa-onnx.

A rule fires when the utterance is long enough, the silence at its end is long
enough and, where the rule asks for it, something has been said. The first
three names are those of sherpa-onnx; what it does with its third one (a cap
on length that cuts wherever it falls) is done in two steps here: from some
length on a short breath is enough, and only speech without any breath is cut
at the cap.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

#: Something that woke the voice activity and was no word: given up after this.
#: sherpa-onnx waits 2.4 s, because it runs its network all the time; here the
#: network sleeps when the utterance is over.
SILENCE_WITHOUT_WORDS_S = 1.6

#: Longer than pauses within a sentence that is read or spoken fluently (some
#: 0.2 to 0.6 s), short enough to be no wait. sherpa-onnx: 1.2 s.
SILENCE_AFTER_WORDS_S = 0.8

#: From this length on a breath ends the utterance, ...
LONG_UTTERANCE_S = 12.0

#: ... which is a silence of this length: longer than the closure of any
#: consonant (p, t, k: up to 0.15 s).
BREATH_S = 0.25

#: The cap. sherpa-onnx has the same; the acoustic models of this family were
#: trained on utterances of up to some 20 s.
LONGEST_UTTERANCE_S = 20.0


@dataclass(frozen=True)
class Rule:
    """One rule.

    Attributes:
        name: for people and tests.
        needs_words: fires only when something was said.
        trailing_silence_s: silence at the end, at least.
        utterance_s: length of the utterance, silence included, at least.
    """

    name: str
    needs_words: bool
    trailing_silence_s: float
    utterance_s: float

    def fires(self, has_words: bool, trailing_silence_s: float, utterance_s: float) -> bool:
        """Whether the utterance is over."""
        return (
            (has_words or not self.needs_words)
            and trailing_silence_s >= self.trailing_silence_s
            and utterance_s >= self.utterance_s
        )


#: The name of the rule that cuts speech without pauses.
CAP = "cap on length"


def make_rules(
    silence_without_words_s: float = SILENCE_WITHOUT_WORDS_S,
    silence_after_words_s: float = SILENCE_AFTER_WORDS_S,
    long_utterance_s: float = LONG_UTTERANCE_S,
    breath_s: float = BREATH_S,
    longest_utterance_s: float = LONGEST_UTTERANCE_S,
) -> tuple[Rule, ...]:
    """Return the rules with these values, in the order in which they are asked."""
    return (
        Rule("silence with nothing said", False, silence_without_words_s, 0.0),
        Rule("silence after words", True, silence_after_words_s, 0.0),
        Rule("breath in a long utterance", True, breath_s, long_utterance_s),
        Rule(CAP, False, 0.0, longest_utterance_s),
    )


DEFAULT_RULES = make_rules()


def first_rule(
    rules: Sequence[Rule], has_words: bool, trailing_silence_s: float, utterance_s: float
) -> Rule | None:
    """Return the first rule that fires; None while the utterance goes on."""
    for rule in rules:
        if rule.fires(has_words, trailing_silence_s, utterance_s):
            return rule
    return None
