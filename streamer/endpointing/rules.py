"""When an utterance ends: rules on trailing silence, as in sherpa-onnx.

A rule fires when the utterance is long enough, the silence at its end is long
enough and, if the rule requires it, something has been said. sherpa-onnx's
third rule, a cap on length that cuts anywhere, is two rules here: from some
length on a short breath is enough, and only speech without any breath is cut
at the cap.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

#: Silence that ends an utterance without words. sherpa-onnx waits 2.4 s, because
#: it runs its network all the time; here the network rests between utterances.
SILENCE_WITHOUT_WORDS_S = 1.6

#: Longer than pauses within a fluent sentence (about 0.2 to 0.6 s), and not long
#: to wait. sherpa-onnx: 1.2 s.
SILENCE_AFTER_WORDS_S = 0.8

#: From this length on, a breath ends the utterance.
LONG_UTTERANCE_S = 12.0

#: Length of a breath: longer than the closure of any consonant (p, t, k: up to
#: 0.15 s).
BREATH_S = 0.25

#: The cap, as in sherpa-onnx; acoustic models of this family are trained on
#: utterances of up to about 20 s.
LONGEST_UTTERANCE_S = 20.0


@dataclass(frozen=True)
class Rule:
    """A rule that ends utterances.

    Attributes:
        name: for display and tests.
        needs_words: whether it fires only if something was said.
        trailing_silence_s: minimum silence at the end.
        utterance_s: minimum length of the utterance, silence included.
    """

    name: str
    needs_words: bool
    trailing_silence_s: float
    utterance_s: float

    def fires(self, has_words: bool, trailing_silence_s: float, utterance_s: float) -> bool:
        """Whether the rule ends the utterance."""
        return (
            (has_words or not self.needs_words)
            and trailing_silence_s >= self.trailing_silence_s
            and utterance_s >= self.utterance_s
        )


#: Name of the rule that cuts speech without pauses.
CAP = "cap on length"


def make_rules(
    silence_without_words_s: float = SILENCE_WITHOUT_WORDS_S,
    silence_after_words_s: float = SILENCE_AFTER_WORDS_S,
    long_utterance_s: float = LONG_UTTERANCE_S,
    breath_s: float = BREATH_S,
    longest_utterance_s: float = LONGEST_UTTERANCE_S,
) -> tuple[Rule, ...]:
    """Return the rules with these values, in the order of their precedence."""
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
    """Return the first rule that fires; None if the utterance goes on."""
    for rule in rules:
        if rule.fires(has_words, trailing_silence_s, utterance_s):
            return rule
    return None
