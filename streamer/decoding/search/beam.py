"""Default search: a CTC beam search over a lexicon's words with a language model.

Prefix search after Hannun et al. (2014, arXiv:1408.2873) over a prefix tree of the words. A
hypothesis is at a node of the tree, or at its root when a word has just been completed. It has
one probability of ending with a blank and one of ending with its last token. Its score already
contains that of the likeliest word below its node (look-ahead; Ortmanns et al., 1996). Unlike in
that paper, hypotheses merge as soon as the language model cannot distinguish them: their
probabilities are added and the words of the likelier one are kept. This is worth more than a
beam of four times the width.

Scores are natural logarithms. Language models return common logarithms, so DeepSpeech's alpha is
multiplied by ln 10 here and keeps its meaning; its beta is added for each word. With letters, a
word is complete, and is scored by the language model, at the space after it, as in DeepSpeech;
with phonemes it is complete at the last of them (see `streamer.decoding.search.units`).
"""

from __future__ import annotations

import contextlib
import copy
import ctypes
import math
import sys
from collections.abc import Sequence

import numpy as np

from streamer.arrays import Array, FloatArray, IntArray
from streamer.decoding.alphabet import Alphabet
from streamer.decoding.language.language_model import LanguageModel
from streamer.decoding.language.recurrent_model import RecurrentModel
from streamer.decoding.scorer.package import Scorer
from streamer.decoding.search.backtrace import NO_WORD, START, Backtrace
from streamer.decoding.search.base_vocabulary import BaseVocabulary
from streamer.decoding.search.beams import Beams, Extensions, Scores, merge
from streamer.decoding.search.contract import N_GRAM_CONTEXT, Candidate
from streamer.decoding.search.leaf_columns import LeafColumns
from streamer.decoding.search.prefix_tree import LOG_ZERO
from streamer.decoding.search.units import LetterUnits, WordUnits
from streamer.decoding.search.vocabulary import Vocabulary
from streamer.decoding.settings import BEAM, CUTOFF_TOP_N, DecodingSettings
from streamer.decoding.user_words import UserWord

#: A word that ends is scored by the language model only if its unigram probability leaves the
#: hypothesis this far (natural logarithm) above the pruning threshold. Scoring all words above
#: the threshold (0) takes half as long again, and a beam of 300 in the same time as one of 200
#: gains more (dev: 15.6 % word errors instead of 15.9, with noise 43.0 instead of 43.7).
_WORD_END_MARGIN = 2.0

#: A frame whose blank is at least this likely (natural logarithm) adds no tokens. That is half
#: of all frames (dev: 17.7 % word errors with and without this rule).
_CERTAIN_BLANK = math.log(0.99)

#: Words that prime the recurrent model: the whole utterance (dev: 18.6 % word errors with
#: 4 words, 18.4 % with 40).
_RECURRENT_CONTEXT = 10_000

#: Smallest weight of the language model that boosts are divided by.
_MIN_WEIGHT = 1e-6


class BeamSearch:
    """The beam search, a `Search`.

    Args:
        alphabet: the labels.
        scorer: language model and words.
        settings: beam, pruning and weights.
        user_words: words to add or to make likelier.
        units: what words are made of; letters if None.
        recurrent: a second language model, mixed with the scorer's.
        base: the scorer's words, built for the same arguments; None builds them.

    Raises:
        DecoderError: a user's word cannot be spelled or pronounced, or the alphabet lacks
            letters of the scorer's words.
        ScorerError: the scorer's file has changed or is damaged.
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
        base: BaseVocabulary | None = None,
    ) -> None:
        units = units or LetterUnits(alphabet)
        alpha, beta = settings.weights(scorer)
        self._units = units
        self._weight = alpha * math.log(10)
        self._word_score = beta
        self._silence_score = settings.silence_score
        self._beam = settings.beam or BEAM
        self._threshold = settings.beam_threshold
        self._top_n = min(settings.cutoff_top_n or CUTOFF_TOP_N, units.n_tokens)
        self._leaves = None if units.leaves is None else LeafColumns(units.leaves)
        vocabulary = Vocabulary(
            alphabet, scorer, user_words, units, settings.max_words, recurrent, base
        )
        self._number = vocabulary.number
        self._last_tokens = vocabulary.last_tokens
        self._n_grams = vocabulary.n_grams
        boosts = {
            number: boost / max(self._weight, _MIN_WEIGHT)
            for number, boost in vocabulary.boosts.items()
        }
        self._language_model = LanguageModel(
            vocabulary.n_grams,
            vocabulary.words,
            recurrent,
            settings.recurrent_share,
            boosts,
            vocabulary.recurrent_numbers,
        )
        if recurrent is not None:
            self.context_words = _RECURRENT_CONTEXT
        scores = vocabulary.n_grams.unigrams.copy()
        for number, boost in boosts.items():
            scores[number] += boost
        self._word_scores = self._weight * scores
        self._graph = vocabulary.graph(scores, self._weight)
        self._backtrace = Backtrace(units, vocabulary.words)
        _release_free_memory()
        self.reset()

    def reset(self) -> None:
        """Start a new utterance."""
        self._n_grams.release_pages()
        self._start(self._language_model.reset(), (), [self._units.blank])

    def new_stream(self) -> BeamSearch:
        """Return the same search for another stream; see `Search.new_stream`."""
        search = copy.copy(self)
        search._language_model = copy.copy(self._language_model)
        search._backtrace = copy.copy(self._backtrace)
        search.reset()
        return search

    def _start(self, history: int, context: Sequence[str], last: Sequence[int]) -> None:
        """Begin at the root, after the words of a history.

        Args:
            history: the language model's number for these words.
            context: the words.
            last: tokens that they may end with, a hypothesis for each.
        """
        n = len(last)
        self._beams = Beams(
            node=self._graph.roots + np.array(last),
            history=np.full(n, history, np.int64),
            column=np.full(n, self._units.blank_column),
            event=np.full(n, START),
            blank=np.zeros(n),
            label=np.full(n, LOG_ZERO),
            total=np.zeros(n),
        )
        self._frame = 0
        self._backtrace.reset(context)

    def prime(self, words: Sequence[str]) -> int:
        """Set the words that come before the first frame; see `Search.prime`."""
        numbers = [n for n in map(self._number, words) if n is not None]
        last = [self._units.blank]
        if self._leaves is not None and numbers:
            last = self._last_tokens(numbers[-1])
        self._start(self._language_model.prime(numbers), words, last)
        return 0

    def feed(self, probabilities: FloatArray) -> None:
        """Process the next frames: float32 (n, n_labels)."""
        frames = self._units.log_probabilities(probabilities).astype(np.float64)
        certain_blank = frames[:, self._units.blank_column] > _CERTAIN_BLANK
        of_tokens = frames if self._leaves is None else self._leaves.token_scores(frames)
        with self._language_model.one_thread():
            for frame, tokens, is_blank in zip(frames, of_tokens, certain_blank.tolist()):
                if is_blank:
                    self._add_blank(frame)
                else:
                    self._advance(frame, tokens)
                self._frame += 1

    def finish(self) -> None:
        """Complete the last words and score the end of the sentence."""
        final_frame = self._units.final_frame()
        if final_frame is not None:
            self.feed(final_frame)
        beams = self._beams
        complete = np.flatnonzero(beams.node >= self._graph.roots)
        if len(complete):
            beams = beams.take(complete)
            if final_frame is None:
                with self._language_model.one_thread():
                    ends = self._language_model.score_end(beams.history)
                beams = beams._replace(total=beams.total + self._weight * ends)
        else:
            # No hypothesis ends with a complete word: drop the incomplete ones.
            events = [self._backtrace.last_word(event) for event in beams.event.tolist()]
            beams = beams._replace(event=np.array(events))
        self._beams = beams

    def candidates(self, n: int) -> list[Candidate]:
        """Return up to n candidates with distinct texts, likeliest first."""
        found: dict[str, Candidate] = {}
        beams = self._beams
        order = np.argsort(-beams.total, kind="stable")
        rows = zip(
            beams.event[order].tolist(), beams.history[order].tolist(), beams.total[order].tolist()
        )
        for event, history, score in rows:
            aligned = self._backtrace.text(event)
            if aligned.text not in found:
                language = self._language_model.word_scores(history)
                found[aligned.text] = Candidate(score, *aligned, language)
                if len(found) == n:
                    break
        return list(found.values())

    def is_word(self, letters: str) -> bool:
        """Whether the lexicon has this word."""
        return self._number(letters) is not None

    # -- one frame -----------------------------------------------------------------------

    def _add_blank(self, frame: Scores) -> None:
        """Process a frame that is certainly blank: hypotheses are neither extended nor pruned."""
        beams = self._beams
        label = beams.label + frame[beams.column]
        blank = beams.total + frame[self._units.blank_column]
        self._beams = beams._replace(blank=blank, label=label, total=np.logaddexp(blank, label))

    def _advance(self, frame: Scores, of_tokens: Scores) -> None:
        """Process a frame.

        Args:
            frame: natural logarithms, float64 (n_columns,).
            of_tokens: those of the best column of each token, float64 (n_tokens,).
        """
        beams = self._beams
        # Unchanged hypotheses: a blank, or the last token once more.
        blank = beams.total + frame[self._units.blank_column]
        label = beams.label + frame[beams.column]
        total = np.logaddexp(blank, label)
        n = len(total)
        unchanged = Extensions(beams.node, beams.history, np.arange(n), label, np.full(n, NO_WORD))
        children = self._children(of_tokens)
        parts = [unchanged, *self._extend(frame, *children, float(total.max()))]
        if self._units.silence is not None:
            parts.append(self._add_silence(frame, self._units.silence))
        extensions = Extensions(*[np.concatenate(columns) for columns in zip(*parts)])
        self._merge_and_prune(extensions, blank, total)

    def _extend(
        self, frame: Scores, parent: IntArray, child: IntArray, best: float
    ) -> tuple[Extensions, Extensions]:
        """Add one token to each hypothesis.

        Args:
            frame: natural logarithms, float64 (n_columns,).
            parent: rows of the hypotheses, see `_children`.
            child: their child nodes.
            best: the best score without another token.

        Returns:
            Hypotheses within a word, and those that complete one.
        """
        beams, graph = self._beams, self._graph
        token = graph.token.take(child)
        node = beams.node.take(parent)
        column = token
        if self._leaves is not None:
            column = self._leaves.behind(graph.token.take(node), token)
        # The same label again needs a blank in between.
        score = beams.total.take(parent)
        again = (column == beams.column.take(parent)).nonzero()[0]
        score[again] = beams.blank.take(parent.take(again))
        score += frame.take(column)
        score -= graph.lookahead.take(node)
        expected = score + graph.lookahead.take(child)
        floor = max(best, expected.max(initial=LOG_ZERO)) - self._threshold
        inner = ((expected > floor) & (graph.n_children.take(child) > 0)).nonzero()[0]
        before = parent.take(inner)
        within = Extensions(
            child.take(inner),
            beams.history.take(before),
            before,
            expected.take(inner),
            np.full(len(inner), NO_WORD),
        )
        ending, word = self._word_ends(child, score, floor)
        before = parent.take(ending)
        score, history = score.take(ending), beams.history.take(before)
        if len(word):
            history, gained = self._language_model.score(history, word)
            score = score + (self._weight * gained.astype(np.float64) + self._word_score)
        root = graph.roots + token.take(ending)
        return within, Extensions(root, history, before, score, word)

    def _children(self, of_tokens: Scores) -> tuple[IntArray, IntArray]:
        """Return the likely child nodes of all hypotheses.

        Args:
            of_tokens: see `_advance`. Leaves are not ranked themselves: those of one token
                share its probability, and only one of them is that of a child node.

        Returns:
            Rows of the hypotheses, int64 (n,), and their child nodes, int64 (n,).
        """
        parent, child = self._graph.children(self._beams.node)
        if self._top_n < len(of_tokens):
            likely = of_tokens >= np.partition(of_tokens, -self._top_n)[-self._top_n]
            chosen = likely.take(self._graph.token.take(child)).nonzero()[0]
            parent, child = parent.take(chosen), child.take(chosen)
        return parent, child

    def _word_ends(self, child: IntArray, score: Scores, floor: float) -> tuple[IntArray, IntArray]:
        """Return the words that may end at nodes.

        Args:
            child: the nodes.
            score: scores of the hypotheses there, without the look-ahead.
            floor: the pruning threshold.

        Returns:
            Rows of ``child``, and a word for each.
        """
        ending, word = self._graph.words(child)
        estimate = score.take(ending) + self._word_scores.take(word) + self._word_score
        chosen = (estimate > floor + _WORD_END_MARGIN).nonzero()[0]
        return ending.take(chosen), word.take(chosen)

    def _add_silence(self, frame: Scores, token: int) -> Extensions:
        """Add a silence token to the hypotheses between two words."""
        beams = self._beams
        rows = np.flatnonzero(beams.node >= self._graph.roots)
        root = self._graph.roots + token
        score = np.where(beams.node[rows] == root, beams.blank[rows], beams.total[rows])
        return Extensions(
            np.full(len(rows), root),
            beams.history[rows],
            rows,
            score + (frame[token] + self._silence_score),
            np.full(len(rows), NO_WORD),
        )

    def _merge_and_prune(self, extensions: Extensions, blank: Scores, unchanged: Scores) -> None:
        """Merge hypotheses that nothing can distinguish any more, and keep the best.

        Args:
            extensions: all hypotheses, those without another token first.
            blank: log probabilities of ending with a blank, of these first ones.
            unchanged: log probabilities of these first ones.
        """
        n_unchanged = len(unchanged)
        total = extensions.label.copy()
        total[:n_unchanged] = unchanged
        ends_blank = np.full(len(total), LOG_ZERO)
        ends_blank[:n_unchanged] = blank
        above = np.flatnonzero(total > total.max() - self._threshold)
        keys = self._language_model.merge_keys(extensions.history[above]) * len(self._graph)
        keys += extensions.node[above]
        column = self._columns(extensions, n_unchanged)
        if self._leaves is not None:
            # Hypotheses at the same node may have read its token from different columns.
            keys = keys * self._leaves.n_variants + self._leaves.variants(column[above])
        chosen, blank, label, total = merge(above, keys, ends_blank, extensions.label, total)
        if len(chosen) > self._beam:
            kept = np.argpartition(-total, self._beam)[: self._beam]
            chosen, blank, label, total = chosen[kept], blank[kept], label[kept], total[kept]
        node, column = extensions.node[chosen], column[chosen]
        event = self._beams.event[extensions.parent[chosen]]
        new = np.flatnonzero(chosen >= n_unchanged)
        event[new] = self._backtrace.append(
            event[new], column[new], self._frame, extensions.word[chosen[new]]
        )
        self._beams = Beams(node, extensions.history[chosen], column, event, blank, label, total)

    def _columns(self, extensions: Extensions, n_unchanged: int) -> Array:
        """Return the column that each hypothesis of the next frame ends with, int (n,)."""
        column = self._graph.token.take(extensions.node)
        if self._leaves is not None:
            last = self._graph.token.take(self._beams.node).take(extensions.parent)
            column = self._leaves.behind(last, column)
            column[:n_unchanged] = self._beams.column
        return column


def _release_free_memory() -> None:
    """Return freed memory to the system where the C library is glibc; do nothing elsewhere."""
    if sys.platform.startswith("linux"):
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).malloc_trim(0)
