"""Creates the beam search, with what is built from its files kept in the user's cache."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import NamedTuple

from streamer.decoding.alphabet import Alphabet
from streamer.decoding.compiled.cache import CacheEntry
from streamer.decoding.language.recurrent_model import RecurrentModel, read_recurrent_model
from streamer.decoding.lexicon.leaves import read_leaves
from streamer.decoding.lexicon.lexicon import read_lexicon
from streamer.decoding.scorer.package import Scorer, read_scorer
from streamer.decoding.search.base_vocabulary import (
    BaseVocabulary,
    build_base_vocabulary,
    read_base_vocabulary,
)
from streamer.decoding.search.beam import BeamSearch
from streamer.decoding.search.units import LetterUnits, PhonemeUnits, WordUnits
from streamer.decoding.settings import DecodingSettings
from streamer.decoding.user_words import UserWord

#: Smaller vocabularies are built faster than their files are hashed.
MIN_CACHED_WORDS = 5000


class BeamFiles(NamedTuple):
    """The files of a beam search.

    Attributes:
        scorer: a DeepSpeech ``.scorer`` package.
        lexicon: pronunciations, if words are made of phonemes.
        recurrent: a recurrent language model, if there is one.
        leaves: leaves of the phonemes, if the network has these instead.
    """

    scorer: Path
    lexicon: Path | None
    recurrent: Path | None
    leaves: Path | None = None


def create_beam_search(
    alphabet: Alphabet,
    files: BeamFiles,
    settings: DecodingSettings,
    user_words: Sequence[UserWord] = (),
    n_phonemes: int = 0,
    cache: Path | None = None,
    excluded: Collection[str] = (),
) -> BeamSearch:
    """Create a beam search.

    Args:
        alphabet: the labels of the acoustic model.
        files: scorer, lexicon, recurrent model and leaves.
        settings: beam, pruning and weights.
        user_words: words to add or to make likelier.
        n_phonemes: number of phoneme outputs, or of leaves, their blank included.
        cache: folder of what was built from the files; the user's cache if None.
        excluded: words that are not recognised unless they are among the user's.

    Raises:
        DecoderError: the alphabet does not fit the scorer's words or the user's.
        ModelError: lexicon, recurrent model or leaves cannot be used.
        ScorerError: the scorer cannot be used.
    """
    units: WordUnits = LetterUnits(alphabet)
    lexicon = files.lexicon
    if lexicon is not None:
        leaves = None if files.leaves is None else read_leaves(files.leaves)
        units = PhonemeUnits(alphabet, lambda: read_lexicon(lexicon), n_phonemes, leaves)
    recurrent = None
    if files.recurrent is not None and settings.recurrent_share > 0:
        recurrent = read_recurrent_model(files.recurrent)
    used = [files.scorer, lexicon, None if recurrent is None else files.recurrent]
    parameters = [
        list(alphabet.labels), n_phonemes, settings.max_words, [path is not None for path in used],
        sorted(excluded),
    ]  # fmt: skip
    entry = CacheEntry([path for path in used if path is not None], parameters, cache)
    scorer, base = _load(entry, alphabet, files.scorer, units, recurrent)
    if base is None:
        base = build_base_vocabulary(
            alphabet, scorer, units, settings.max_words, recurrent, excluded
        )
        if len(base.words) >= MIN_CACHED_WORDS:
            entry.store(base.arrays())
    return BeamSearch(alphabet, scorer, settings, user_words, units, recurrent, base)


def _load(
    entry: CacheEntry,
    alphabet: Alphabet,
    path: Path,
    units: WordUnits,
    recurrent: RecurrentModel | None,
) -> tuple[Scorer, BaseVocabulary | None]:
    """Return the scorer and its words from the cache, None if they are not there."""
    arrays = entry.load()
    if arrays is not None:
        # The tables of this file were checked before its words were kept.
        scorer = read_scorer(path, check_tables=False)
        n_recurrent = 0 if recurrent is None else recurrent.unknown
        try:
            base = read_base_vocabulary(
                arrays, alphabet, units.n_tokens, scorer.n_words, n_recurrent
            )
        except ValueError:
            pass
        else:
            return scorer, base
    return read_scorer(path), None
