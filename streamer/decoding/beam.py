"""The default search: flashlight-text's lexicon decoder with a KenLM language model.

Scores are natural logarithms. KenLM gives common ones, so DeepSpeech's alpha is
multiplied by ln 10 here and then means the same as there; its beta is
flashlight's word score as it is. Of letters each word of the lexicon is spelled with
the space behind it: a word counts, and meets the language model, when its space is
heard, as in DeepSpeech; of phonemes it counts with the last of them (see
`streamer.decoding.spelling`). Unlike DeepSpeech the search looks ahead: a node of the
lexicon's tree already pays for the likeliest word below it.
"""

from __future__ import annotations

import contextlib
import ctypes
import math
import os
import sys
from pathlib import Path as FilePath
from typing import Any, Dict, List, Optional, Sequence, Set, Tuple, Union

import numpy as np

from streamer.decoding.alphabet import Alphabet
from streamer.decoding.decoder import FloatArray
from streamer.decoding.mapped import Context
from streamer.decoding.scorer import Scorer
from streamer.decoding.search import Path
from streamer.decoding.settings import BEAM, CUTOFF_TOP_N, DecodingSettings
from streamer.decoding.spelling import Letters, Spelling
from streamer.decoding.words import UserWord
from streamer.errors import DecoderError, ScorerError

_UNKNOWN = "<unk>"

#: Language models beyond this are looked up in the mapped file, which is slower, but
#: takes no memory to speak of.
MAPPED_BYTES = 256 << 20

#: Words that flashlight's tree takes for one way to say them.
_MOST_HOMOPHONES = 6
#: The likeliest words, which are put into the tree before all others.
_FIRST_WORDS = 5000

#: Linux: these pages are not needed now.
_MADV_DONTNEED = 4


class BeamSearch:
    """flashlight's lexicon decoder behind the `Search` interface.

    Args:
        alphabet: the labels.
        scorer: language model and words.
        settings: how to search.
        user_words: words to add or to make likelier.
        spelling: what words are made of; their letters if None.

    Raises:
        DecoderError: flashlight-text is not installed, or a user's word cannot be spelled.
        ScorerError: a language model that KenLM refuses.
    """

    name = "beam"
    certain = False

    def __init__(
        self,
        alphabet: Alphabet,
        scorer: Scorer,
        settings: DecodingSettings,
        user_words: Sequence[UserWord] = (),
        spelling: Optional[Spelling] = None,
    ) -> None:
        try:
            from flashlight.lib.text import decoder as flashlight
        except ImportError as error:
            raise DecoderError(
                f"The beam decoder needs flashlight-text ({error})",
                "pip install flashlight-text, or choose --decoder greedy",
            ) from None
        spelling = spelling or Letters(alphabet)
        alpha = scorer.alpha if settings.lm_alpha is None else settings.lm_alpha
        beta = scorer.beta if settings.lm_beta is None else settings.lm_beta
        weight = alpha * math.log(10)
        words = scorer.words(alphabet)
        boosts = _boosts(user_words, alphabet)
        for word in boosts:
            if not spelling.ways(word):
                raise DecoderError(
                    f"The model does not know how the word {word!r} is spoken",
                    "spell it as it sounds",
                )
        words += sorted(set(boosts) - set(words))
        if scorer.kenlm_size > MAPPED_BYTES:
            model, unigrams = _map_model(flashlight, scorer, words)
        else:
            model, unigrams = _open_model(scorer, words)
        if len(words) > settings.max_words:
            likeliest = np.argsort(-unigrams, kind="stable")[: settings.max_words]
            kept = set(likeliest.tolist()) | {i for i, w in enumerate(words) if w in boosts}
        else:
            kept = set(range(len(words)))
        boosted = {
            i: boosts[word] / max(weight, 1e-6) for i, word in enumerate(words) if word in boosts
        }
        for i, boost in boosted.items():
            unigrams[i] += boost
        try:
            trie = _tree(flashlight, spelling, words, kept, unigrams.tolist())
        except KeyError as error:
            raise DecoderError(
                f"The model's alphabet cannot spell the scorer's words: it has no label {error}",
                "choose --decoder ds or --decoder greedy",
            ) from None
        if boosted:
            model = _boosting(flashlight, model, boosted)
        options = flashlight.LexiconDecoderOptions(
            beam_size=settings.beam or BEAM,
            beam_size_token=min(settings.cutoff_top_n or CUTOFF_TOP_N, spelling.n_tokens),
            beam_threshold=settings.beam_threshold,
            lm_weight=weight,
            word_score=beta,
            unk_score=-math.inf,
            sil_score=settings.silence_score,
            log_add=True,
            criterion_type=flashlight.CriterionType.CTC,
        )
        self._pages = _Pages(scorer.path)
        self._pages.trim()
        self._spelling = spelling
        self._words = words
        self._lexicon = {words[i] for i in kept}
        self._model = model  # flashlight keeps no hold on one that is written in Python
        self._decoder = flashlight.LexiconDecoder(
            options, trie, model, spelling.silence, spelling.blank, len(words), [], False
        )
        self.begin()

    def begin(self) -> None:
        """Forget everything."""
        self._decoder.decode_begin()
        self._pages.let_go()
        self._spelling.tell(())
        self._ended = False

    def step(self, probabilities: FloatArray) -> None:
        """Take the next frames: float32 (n, n_labels)."""
        emissions = self._spelling.emissions(probabilities)
        self._decoder.decode_step(emissions.ctypes.data, *emissions.shape)

    def tell(self, words: Sequence[str]) -> int:
        """Stand where it would stand after words."""
        frames = self._spelling.tell(words)
        if len(frames):
            self.step(frames)
        return len(frames)

    def end(self) -> None:
        """Complete the last words."""
        self._spelling.end(self._decoder)
        self._ended = True

    def paths(self, n: int) -> List[Path]:
        """Return up to n hypotheses of distinct text, likeliest first."""
        results = [(result.score, result) for result in self._decoder.get_all_final_hypothesis()]
        results.sort(key=lambda pair: -pair[0])
        found: Dict[str, Path] = {}
        for _, result in results:
            path = self._spelling.path(result, self._words, self._ended)
            if path is not None and path.text not in found:
                found[path.text] = path
                if len(found) == n:
                    break
        return list(found.values()) or [Path(0.0, "", (), ())]

    def is_word(self, letters: str) -> bool:
        """Whether the lexicon has a word of these letters."""
        return letters in self._lexicon


def _tree(
    flashlight: Any, spelling: Spelling, words: Sequence[str], kept: Set[int],
    scores: Sequence[float],
) -> Any:  # fmt: skip
    """Return the tree of the words that are kept, each with its own score."""
    trie = flashlight.Trie(spelling.n_tokens, spelling.silence)
    insert = trie.insert
    taken: Dict[int, int] = {}
    # The likeliest first, in case too many sound the same; then in their order, which is
    # kind to the cache.
    likeliest = sorted(kept, key=lambda i: -scores[i])[:_FIRST_WORDS]
    for i in [*likeliest, *sorted(kept.difference(likeliest))]:
        for tokens in spelling.ways(words[i]):
            # The numbers of the ways, not the ways: 60,000 of these are 30 MB.
            number = hash(tuple(tokens))
            count = taken.get(number, 0)
            if count < _MOST_HOMOPHONES:
                taken[number] = count + 1
                insert(tokens, i, scores[i])
    trie.smear(flashlight.SmearingMode.MAX)
    return trie


def _boosts(user_words: Sequence[UserWord], alphabet: Alphabet) -> Dict[str, float]:
    """Check the user's words and return their weights."""
    for word in user_words:
        if not alphabet.can_spell(word.word) or " " in word.word:
            raise DecoderError(
                f"The model's alphabet cannot spell the word {word.word!r}",
                "spell it with the letters "
                + "".join(label for label in alphabet.labels if label != " "),
            )
    return {word.word: word.weight for word in user_words}


def _open_model(scorer: Scorer, words: Sequence[str]) -> Tuple[Any, FloatArray]:
    """Open the language model; also return each word's own probability (log 10)."""
    from flashlight.lib.text.decoder.kenlm import KenLM
    from flashlight.lib.text.dictionary import Dictionary

    try:
        model = KenLM(os.fspath(scorer.path), Dictionary([*words, _UNKNOWN]))
    except RuntimeError as error:
        raise ScorerError(
            f"KenLM refuses the scorer {scorer.path} ({str(error).splitlines()[0]})",
            "copy or download the scorer again, or build it anew",
        ) from None
    state = model.start(True)
    unigrams = np.array([model.score(state, i)[1] for i in range(len(words))], np.float32)
    return model, unigrams


def _map_model(flashlight: Any, scorer: Scorer, words: Sequence[str]) -> Tuple[Any, FloatArray]:
    """Do what `_open_model` does for a language model that is too big for it."""
    mapped = scorer.open_mapped()
    indices = mapped.indices([*words, _UNKNOWN, "</s>"])
    numbers = indices.tolist()
    #: The score of the last word and the context behind it, for each state.
    known: Dict[Any, Tuple[float, Context]] = {}

    class Model(flashlight.LM):  # type: ignore[misc]
        def start(self, start_with_nothing: bool) -> Any:
            known.clear()  # a state lives as long as the search that made it
            state = flashlight.LMState()
            known[state] = (0.0, Context((), ()) if start_with_nothing else mapped.begin())
            return state

        def score(self, state: Any, word: int) -> Tuple[Any, float]:
            following = state.child(word)
            found = known.get(following)
            if found is None:
                found = known[following] = mapped.score(known[state][1], numbers[word])
            return following, found[0]

        def finish(self, state: Any) -> Tuple[Any, float]:
            return self.score(state, len(words) + 1)

    return Model(), mapped.unigrams(indices[: len(words)]).copy()


def _boosting(flashlight: Any, model: Any, boosts: Dict[int, float]) -> Any:
    """Wrap a language model so that some words score higher."""

    class BoostedModel(flashlight.LM):  # type: ignore[misc]
        def start(self, start_with_nothing: bool) -> Any:
            return model.start(start_with_nothing)

        def score(self, state: Any, word: int) -> Tuple[Any, float]:
            following, score = model.score(state, word)
            return following, score + boosts.get(word, 0.0)

        def finish(self, state: Any) -> Any:
            return model.finish(state)

    return BoostedModel()


class _Pages:
    """The pages of a mapped language model, and of what loading it left behind (Linux).

    KenLM asks for all pages of its file at once there. Those that are looked at
    come back by themselves, from the page cache; the others need not count.
    Without it nothing but memory is lost, so whatever fails here is passed over.

    Args:
        path: the file.
    """

    def __init__(self, path: Union[str, FilePath]) -> None:
        self._ranges: List[Tuple[int, int]] = []
        if not sys.platform.startswith("linux"):
            return
        name = os.path.realpath(path)
        with contextlib.suppress(OSError, ValueError, AttributeError):
            self._libc = ctypes.CDLL(None, use_errno=True)
            with open("/proc/self/maps", encoding="utf-8", errors="surrogateescape") as maps:
                for line in maps:
                    fields = line.rstrip("\n").split(maxsplit=5)
                    if len(fields) == 6 and fields[5] == name and fields[1].startswith("r--"):
                        start, end = (int(number, 16) for number in fields[0].split("-"))
                        self._ranges.append((start, end - start))

    def let_go(self) -> None:
        """Give them back."""
        for start, length in self._ranges:
            self._libc.madvise(
                ctypes.c_void_p(start), ctypes.c_size_t(length), _MADV_DONTNEED
            )

    def trim(self) -> None:
        """Give back what was needed for a moment only (glibc)."""
        if self._ranges:
            with contextlib.suppress(AttributeError):
                self._libc.malloc_trim(0)
