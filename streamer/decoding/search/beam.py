"""The default search: a CTC beam search over a lexicon's words with a language model.

Prefix search after Hannun et al. (2014, arXiv:1408.2873), with the words kept as a tree:
a hypothesis stands at a node of it, or at its root when a word has just been completed,
and has one probability of ending with a blank and one of ending with its last label. It
already pays for the likeliest word below its node (Ortmanns et al., 1996). Unlike in that
paper hypotheses meet as soon as the language model no longer tells them apart: their
probabilities are added and the likelier one's words are kept. That is worth more than a
beam of four times the width.

Scores are natural logarithms. Language models give common ones, so DeepSpeech's alpha is
multiplied by ln 10 here and then means the same as there; its beta is added for each word.
Of letters each word of the lexicon is spelled with the space behind it: a word counts, and
meets the language model, when its space is heard, as in DeepSpeech; of phonemes it counts
with the last of them (see `streamer.decoding.search.units`).
"""

from __future__ import annotations

import contextlib
import ctypes
import math
import sys
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from streamer.arrays import FloatArray, doubled
from streamer.decoding.alphabet import Alphabet
from streamer.decoding.language.language_model import LanguageModel
from streamer.decoding.language.recurrent_model import RecurrentModel
from streamer.decoding.scorer.package import Scorer
from streamer.decoding.search.contract import N_GRAM_CONTEXT, Candidate
from streamer.decoding.search.prefix_tree import PrefixTree
from streamer.decoding.search.units import AlignedText, LetterUnits, TokenEvent, WordUnits
from streamer.decoding.settings import BEAM, CUTOFF_TOP_N, DecodingSettings
from streamer.decoding.user_words import UserWord
from streamer.errors import DecoderError

_IntArray = npt.NDArray[np.int64]
_Scores = npt.NDArray[np.float64]

#: The logarithm of no probability at all; finite, so that sums of it stay numbers.
_NEVER = -1e9

#: A word that ends is looked up in the language model only if its probability without
#: context leaves it so far (natural logarithm) above what is thrown away. Looking up all
#: that are above (0) takes half as much time again, and a beam of 300 for the same time as
#: one of 200 gains more (dev 15.6 % of the words wrong instead of 15.9, with noise 43.0
#: instead of 43.7).
_ABOVE_FLOOR = 2.0

#: The logarithm of a probability from which on a blank leaves nothing else to hear. Half
#: of all frames (dev: 17.7 % of the words wrong with and without).
_SURELY = math.log(0.99)

#: Words that a recurrent model is told of when the search begins anew: all of an utterance
#: (dev: 18.6 % of the words wrong with 4 of them, 18.4 % with 40).
_RECURRENT_CONTEXT = 10_000


class BeamSearch:
    """The search behind the `Search` interface.

    Args:
        alphabet: the labels.
        scorer: language model and words.
        settings: how to search.
        user_words: words to add or to make likelier.
        units: what words are made of; their letters if None.
        recurrent: a language model beside the scorer's.

    Raises:
        DecoderError: a user's word cannot be spelled.
        ScorerError: the scorer's file is no longer what it was.
    """

    name = "beam"
    append_only = False
    context_words = N_GRAM_CONTEXT

    def __init__(
        self,
        alphabet: Alphabet,
        scorer: Scorer,
        settings: DecodingSettings,
        user_words: Sequence[UserWord] = (),
        units: WordUnits | None = None,
        recurrent: RecurrentModel | None = None,
    ) -> None:
        units = units or LetterUnits(alphabet)
        alpha = scorer.alpha if settings.lm_alpha is None else settings.lm_alpha
        beta = scorer.beta if settings.lm_beta is None else settings.lm_beta
        words = scorer.words(alphabet)
        boosts = _boosts(user_words, alphabet)
        for word in boosts:
            if not units.token_sequences(word):
                raise DecoderError(
                    f"The model does not know how the word {word!r} is spoken",
                    "spell it as it sounds",
                )
        words += sorted(set(boosts) - set(words))
        self._n_grams = n_grams = scorer.n_grams(words)
        self._weight = alpha * math.log(10)
        self._word_score = beta
        self._silence_score = settings.silence_score
        self._beam = settings.beam or BEAM
        self._threshold = settings.beam_threshold
        self._top_n = min(settings.cutoff_top_n or CUTOFF_TOP_N, units.n_tokens)
        scores = n_grams.unigrams.copy()
        if len(words) > settings.max_words:
            likeliest = np.argsort(-scores, kind="stable")[: settings.max_words]
            kept = sorted({*likeliest.tolist(), *(i for i, w in enumerate(words) if w in boosts)})
        else:
            kept = list(range(len(words)))
        boosted = {
            i: boosts[word] / max(self._weight, 1e-6)
            for i, word in enumerate(words)
            if word in boosts
        }
        for i, boost in boosted.items():
            scores[i] += boost
        self._units = units
        self._words = words
        self._number = {words[i]: i for i in kept}
        self._language_model = LanguageModel(
            n_grams, words, recurrent, settings.recurrent_share, boosted
        )
        if recurrent is not None:
            self.context_words = _RECURRENT_CONTEXT
        self._plant(kept, self._weight * scores)
        _give_back()
        self.reset()

    def _plant(self, kept: Sequence[int], scores: FloatArray) -> None:
        """Make the tree of words, and places: its nodes, then the root once for each last token."""
        ways: list[list[int]] = []
        numbers: list[int] = []
        try:
            for number in kept:
                for way in self._units.token_sequences(self._words[number]):
                    ways.append(way)
                    numbers.append(number)
        except KeyError as error:
            raise DecoderError(
                f"The model's alphabet cannot spell the scorer's words: it has no label {error}",
                "choose --decoder ds or --decoder greedy",
            ) from None
        tree = PrefixTree(ways, numbers, scores)
        n_tokens = self._units.n_tokens
        self._tree = tree
        self._word_worth = scores
        self._roots = len(tree)  # the root behind token 0
        node = np.concatenate([np.arange(len(tree)), np.zeros(n_tokens, np.int64)])
        self._token = np.concatenate([tree.token, np.arange(n_tokens, dtype=np.int32)])
        self._first_child, self._n_children = tree.first_child[node], tree.n_children[node]
        self._worth = tree.best[node].astype(np.float64)

    def reset(self) -> None:
        """Forget everything."""
        self._n_grams.release_pages()
        self._start(self._language_model.reset(), ())

    def _start(self, history: int, told: Sequence[str]) -> None:
        """Stand at the root, behind words and their history, before the first frame."""
        self._place = np.array([self._roots + self._units.blank])
        self._history = np.array([history], np.int64)
        self._event = np.array([-1])
        self._blank = np.zeros(1)
        self._label = np.full(1, _NEVER)
        self._total = np.zeros(1)
        self._frame = 0
        self._events = 0
        self._heard = np.zeros((1024, 4), np.int64)  # of each event: before it, token, frame, word
        text = "".join(word + " " for word in told)
        # What is said up to the end of a word, by its event.
        self._said = {-1: AlignedText(text, (0,) * len(text), (0,) * len(text))}

    def prime(self, words: Sequence[str]) -> int:
        """Stand where it would stand after words."""
        history = self._language_model.prime([self._number[word] for word in words])
        self._start(history, words)
        return 0

    def feed(self, probabilities: FloatArray) -> None:
        """Take the next frames: float32 (n, n_labels)."""
        frames = self._units.log_probabilities(probabilities).astype(np.float64)
        surely_blank = frames[:, self._units.blank] > _SURELY
        for frame, wait in zip(frames, surely_blank.tolist()):
            if wait:
                self._wait(frame)
            else:
                self._advance(frame)
            self._frame += 1

    def finish(self) -> None:
        """Complete the last words."""
        last = self._units.final_frame()
        if last is not None:
            self.feed(last)
        whole = np.flatnonzero(self._place >= self._roots)
        if len(whole):
            self._keep(whole)
            if last is None:
                ends = self._language_model.score_end(self._history)
                self._total = self._total + self._weight * ends
        else:
            # Half words only: nothing in the lexicon ends here. What came before them counts.
            self._event = np.array([self._last_word(event) for event in self._event.tolist()])

    def candidates(self, n: int) -> list[Candidate]:
        """Return up to n hypotheses of distinct text, likeliest first."""
        found: dict[str, Candidate] = {}
        order = np.argsort(-self._total, kind="stable")
        for event, score in zip(self._event[order].tolist(), self._total[order].tolist()):
            said = self._trace(event)
            if said.text not in found:
                found[said.text] = Candidate(score, *said)
                if len(found) == n:
                    break
        return list(found.values())

    def is_word(self, letters: str) -> bool:
        """Whether the lexicon has a word of these letters."""
        return letters in self._number

    def _keep(self, chosen: _IntArray) -> None:
        """Go on with some hypotheses only."""
        self._place, self._history = self._place[chosen], self._history[chosen]
        self._event, self._total = self._event[chosen], self._total[chosen]
        self._blank, self._label = self._blank[chosen], self._label[chosen]

    def _trace(self, event: int) -> AlignedText:
        """Return what a hypothesis says whose last event this is."""
        known = self._said.get(event)
        if known is not None:
            return known
        heard: list[TokenEvent] = []
        before = event
        while before >= 0 and (not heard or self._heard[before, 3] < 0):
            before, token, frame, word = self._heard[before].tolist()
            heard.append(TokenEvent(token, frame, self._words[word] if word >= 0 else None))
        first = self._trace(before)
        more = self._units.align(heard[::-1])
        said = AlignedText(
            first.text + more.text, first.frames + more.frames, first.labels + more.labels
        )
        if heard[0].word is not None:
            self._said[event] = said
        return said

    def _last_word(self, event: int) -> int:
        """Return the event that completed the last word up to an event, -1 if there is none."""
        while event >= 0 and self._heard[event, 3] < 0:
            event = int(self._heard[event, 0])
        return event

    def _wait(self, frame: _Scores) -> None:
        """Hear a frame that is a blank beyond doubt: all hypotheses stay as they are."""
        self._label = self._label + frame[self._token[self._place]]
        self._blank = self._total + frame[self._units.blank]
        self._total = np.logaddexp(self._blank, self._label)

    def _advance(self, frame: _Scores) -> None:
        """Hear one frame: natural logarithms, float64 (n_tokens,)."""
        blank = self._units.blank
        place, history = self._place, self._history
        # What stays as it is: a blank, or the last label once more.
        stay_blank = self._total + frame[blank]
        stay_label = self._label + frame[self._token[place]]
        stay = np.logaddexp(stay_blank, stay_label)
        # One label more. The same label again needs a blank in between.
        parent, child = self._children(place, frame)
        token = self._token[child]
        before = place[parent]
        score = np.where(token == self._token[before], self._blank[parent], self._total[parent])
        score = score + frame[token] - self._worth[before]
        worth = score + self._worth[child]
        floor = max(stay.max(), worth.max(initial=_NEVER)) - self._threshold
        further = np.flatnonzero((worth > floor) & (self._n_children[child] > 0))
        ending, word = self._endings(child, score, floor)
        score, following = score[ending], history[parent[ending]]
        if len(word):
            following, gained = self._language_model.score(following, word)
            score = score + (self._weight * gained.astype(np.float64) + self._word_score)
        root = self._roots + token[ending]

        places = [place, child[further], root]
        histories = [history, history[parent[further]], following]
        parents = [np.arange(len(place)), parent[further], parent[ending]]
        labels = [stay_label, worth[further], score]
        words = [np.full(len(place), -1), np.full(len(further), -1), word]
        if self._units.silence is not None:
            silent = np.flatnonzero(place >= self._roots)
            silence = self._roots + self._units.silence
            score = self._total[silent]
            score = np.where(place[silent] == silence, self._blank[silent], score)
            places.append(np.full(len(silent), silence))
            histories.append(history[silent])
            parents.append(silent)
            labels.append(score + (frame[self._units.silence] + self._silence_score))
            words.append(np.full(len(silent), -1))
        self._select(
            np.concatenate(places), np.concatenate(histories), np.concatenate(parents),
            stay_blank, np.concatenate(labels), np.concatenate(words), stay,
        )  # fmt: skip

    def _children(self, place: _IntArray, frame: _Scores) -> tuple[_IntArray, _IntArray]:
        """Return where hypotheses may go: which ones, and the nodes below them."""
        counts = self._n_children[place]
        parent = np.repeat(np.arange(len(place)), counts)
        ends = np.cumsum(counts)
        child = np.arange(len(parent)) + (self._first_child[place] - ends + counts)[parent]
        if self._top_n < len(frame):
            heard = frame >= np.partition(frame, -self._top_n)[-self._top_n]
            chosen = np.flatnonzero(heard[self._token[child]])
            parent, child = parent[chosen], child[chosen]
        return parent, child

    def _endings(
        self, child: _IntArray, score: _Scores, floor: float
    ) -> tuple[_IntArray, _IntArray]:
        """Return the words that may end: at which of the nodes, and their numbers."""
        counts = self._tree.n_words[child]
        ending = np.repeat(np.arange(len(child)), counts)
        if not len(ending):
            return ending, ending
        ends = np.cumsum(counts)
        first = self._tree.first_word[child] - ends + counts
        word = self._tree.word[np.arange(len(ending)) + first[ending]].astype(np.int64)
        alone = score[ending] + self._word_worth[word] + self._word_score
        chosen = np.flatnonzero(alone > floor + _ABOVE_FLOOR)
        return ending[chosen], word[chosen]

    def _select(
        self, place: _IntArray, history: _IntArray, parent: _IntArray, stay_blank: _Scores,
        label: _Scores, word: _IntArray, stay: _Scores,
    ) -> None:  # fmt: skip
        """Let hypotheses meet that are as good as one, and keep the best of them."""
        n_before = len(stay)
        total = label.copy()
        total[:n_before] = stay
        best = np.flatnonzero(total > total.max() - self._threshold)
        meeting = self._language_model.merge_keys(history[best]) * len(self._token) + place[best]
        order = np.lexsort((-total[best], meeting))
        meeting, order = meeting[order], best[order]
        first = np.ones(len(order), bool)
        np.not_equal(meeting[1:], meeting[:-1], out=first[1:])
        starts = np.flatnonzero(first)
        chosen = order[starts]
        ends_blank = np.full(len(total), _NEVER)
        ends_blank[:n_before] = stay_blank
        if len(starts) < len(order):
            ends_blank = np.maximum.reduceat(ends_blank[order], starts)
            ends_label = np.logaddexp.reduceat(label[order], starts)
            total = np.logaddexp(ends_blank, ends_label)
        else:
            ends_blank, ends_label, total = ends_blank[chosen], label[chosen], total[chosen]
        if len(chosen) > self._beam:
            kept = np.argpartition(-total, self._beam)[: self._beam]
            chosen, total = chosen[kept], total[kept]
            ends_blank, ends_label = ends_blank[kept], ends_label[kept]
        self._place, self._history = place[chosen], history[chosen]
        self._blank, self._label, self._total = ends_blank, ends_label, total
        event = self._event[parent[chosen]]
        new = np.flatnonzero(chosen >= n_before)
        event[new] = self._record(event[new], self._token[self._place[new]], word[chosen[new]])
        self._event = event

    def _record(self, before: _IntArray, token: _IntArray, word: _IntArray) -> _IntArray:
        """Write down what was heard at this frame; return the events."""
        first, self._events = self._events, self._events + len(before)
        while self._events > len(self._heard):
            self._heard = doubled(self._heard)
        frame = np.full(len(before), self._frame)
        self._heard[first : self._events] = np.stack([before, token, frame, word], axis=1)
        return np.arange(first, self._events)


def _give_back() -> None:
    """Give memory back that was needed for a moment only; nothing is lost where glibc is not."""
    if sys.platform.startswith("linux"):
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).malloc_trim(0)


def _boosts(user_words: Sequence[UserWord], alphabet: Alphabet) -> dict[str, float]:
    """Check the user's words and return their weights."""
    for word in user_words:
        if not alphabet.can_spell(word.word) or " " in word.word:
            raise DecoderError(
                f"The model's alphabet cannot spell the word {word.word!r}",
                "spell it with the letters "
                + "".join(label for label in alphabet.labels if label != " "),
            )
    return {word.word: word.weight for word in user_words}
