"""Creates decoders by name."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from streamer.decoding.alphabet import Alphabet
from streamer.decoding.decoder import Decoder
from streamer.decoding.scorer.package import read_scorer
from streamer.decoding.search.contract import Search
from streamer.decoding.search.greedy import GreedySearch
from streamer.decoding.settings import DecodingSettings
from streamer.decoding.stability import StabilityTracker
from streamer.decoding.streaming import StreamingDecoder
from streamer.decoding.user_words import UserWord
from streamer.errors import DecoderError, UsageError

#: Frames that DeepSpeech's search holds (half a minute), and frames for which a word must stay
#: unchanged to become stable (a second and a half: the next words are then known and the
#: language model no longer changes it). With these it returns what the native client returns.
DS_WINDOW_FRAMES = 1500
DS_HOLD_FRAMES = 75
#: Its hypotheses never merge, so more than half of the probability seldom agrees.
DS_SHARE = 0.5

#: Names of the decoders. "auto" is "beam" with a scorer and "greedy" without.
KINDS = ("auto", "beam", "ds", "greedy")


def create_decoder(
    kind: str,
    alphabet: Alphabet,
    scorer_path: str | Path | None = None,
    settings: DecodingSettings | None = None,
    user_words: Sequence[UserWord] = (),
    lexicon_path: str | Path | None = None,
    n_phonemes: int = 0,
    recurrent_path: str | Path | None = None,
    cache: Path | None = None,
    excluded: Collection[str] = (),
    leaves_path: str | Path | None = None,
) -> Decoder:
    """Create a decoder.

    Takes about a second the first time with a scorer of 80,000 words; then what was built is
    in the cache.

    Args:
        kind: one of `KINDS`.
        alphabet: the labels of the acoustic model.
        scorer_path: a DeepSpeech ``.scorer`` package, or None.
        settings: beam, pruning and weights; None uses the defaults.
        user_words: words to add or to make likelier; not supported by "greedy".
        lexicon_path: pronunciations, for a network whose last outputs are phonemes;
            "beam" then uses the phonemes, the others always use the letters.
        n_phonemes: number of phoneme outputs, or of leaves, their blank included.
        recurrent_path: a recurrent language model for "beam", mixed with the scorer's.
        cache: folder of what was built from scorer and lexicon; the user's cache if None.
        excluded: words that "beam" does not recognise unless they are among the user's.
        leaves_path: leaves of the phonemes, for a network that has these instead.

    Raises:
        UsageError: unknown kind.
        DecoderError: the decoder is not installed, or does not support the scorer or
            the user's words.
        ScorerError: the scorer cannot be used.
    """
    settings = settings or DecodingSettings()
    if kind not in KINDS:
        raise UsageError(f"there is no decoder {kind!r}", f"choose one of {', '.join(KINDS)}")
    if kind == "auto":
        kind = "greedy" if scorer_path is None else "beam"
    n_columns = len(alphabet) + 1 + n_phonemes
    if kind == "greedy":
        if user_words:
            raise DecoderError(
                "user words need a language model", "use a model with a scorer and --decoder beam"
            )
        search: Search = GreedySearch(alphabet)
    elif kind == "beam":
        if scorer_path is None:
            raise DecoderError(
                "the beam decoder needs a language model",
                "use a .scorer, or choose --decoder greedy",
            )
        from streamer.decoding.beam_factory import BeamFiles, create_beam_search

        files = BeamFiles(
            Path(scorer_path),
            Path(lexicon_path) if lexicon_path is not None and n_phonemes else None,
            Path(recurrent_path) if recurrent_path is not None else None,
            Path(leaves_path) if leaves_path is not None else None,
        )
        search = create_beam_search(
            alphabet, files, settings, user_words, n_phonemes, cache, excluded
        )
    else:
        from streamer.decoding.search.ds import DsSearch

        scorer = None if scorer_path is None else read_scorer(scorer_path)
        search = DsSearch(alphabet, scorer, settings, user_words)
        # For comparison with the original: interfere as little as possible.
        return StreamingDecoder(
            search,
            n_columns,
            settings.n_best,
            tracker=StabilityTracker(DS_HOLD_FRAMES, DS_SHARE),
            window_frames=DS_WINDOW_FRAMES,
            longest_frames=2 * DS_WINDOW_FRAMES,
        )
    return StreamingDecoder(
        search, n_columns, settings.n_best, estimator=settings.confidence, alphabet=alphabet
    )
