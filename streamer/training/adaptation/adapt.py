"""Adapts a model to a speaker: judged on sentences held back, kept only if it helps there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass, replace
from pathlib import Path
from typing import Any, Callable

from streamer.acoustic.weights import Weights
from streamer.bundle import Bundle, read_bundle, write_bundle
from streamer.convert.networks import default_formats, write_networks
from streamer.convert.staging import link_or_copy, staged_folder
from streamer.decoding import DecodingSettings
from streamer.decoding.lexicon.leaves import read_leaves
from streamer.errors import StreamerError
from streamer.training.adaptation.adapted_network import AdaptedNetwork
from streamer.training.adaptation.fitting import FitSettings, fit, probabilities
from streamer.training.adaptation.material import SpokenSentence, read_sentences
from streamer.training.adaptation.phoneme_language import phoneme_trigram_of
from streamer.training.data.manifests import Clip
from streamer.training.evaluation.decoding import Outcome, Utterance, bundle_decoder, decode_with
from streamer.training.network import kernels
from streamer.training.network.initial_weights import read_bundle_weights

#: Each part is held back once, while the change is fitted to the others.
FOLDS = 5
#: Fewer recordings say nothing about what is gained.
LEAST_SENTENCES = 8
#: Files that the new bundle has in common with the old one.
_SHARED_FILES = ("alphabet_path", "scorer_path", "lexicon_path", "recurrent_path", "leaves_path")


@dataclass(frozen=True)
class Gain:
    """Word errors on sentences that were held back.

    Attributes:
        words: words of the transcripts.
        before: errors of the unchanged model.
        after: errors of the adapted one.
        better: sentences with fewer errors.
        worse: sentences with more.
    """

    words: int = 0
    before: int = 0
    after: int = 0
    better: int = 0
    worse: int = 0

    def __add__(self, other: Gain) -> Gain:
        """Return the gain on both."""
        return Gain(*(a + b for a, b in zip(astuple(self), astuple(other))))

    @property
    def helps(self) -> bool:
        """Whether the adapted model made fewer errors."""
        return self.after < self.before


class Adaptation:
    """Fits a model to a speaker's recordings.

    Args:
        bundle: the model.
        clips: recordings and what was said in them.
        settings: how much may change.

    Raises:
        StreamerError: there are too few recordings, one cannot be read, or the model has other
            letters than English ones.
        ModelError: the bundle has no network in float32.
    """

    def __init__(
        self, bundle: Bundle, clips: Sequence[Clip], settings: FitSettings | None = None
    ) -> None:
        self.bundle = bundle
        self.settings = settings or FitSettings()
        self._weights = read_bundle_weights(bundle)
        self.sentences = read_sentences(bundle, self._weights, clips)
        if len(self.sentences) < LEAST_SENTENCES:
            raise StreamerError(
                f"{len(self.sentences)} usable recordings are too few to adapt to",
                f"record at least {LEAST_SENTENCES} sentences; twenty are better",
            )
        self._fast = not kernels.why_not()
        with_phonemes = bundle.lexicon_path is not None and bundle.scorer_path is not None
        self._decoder = bundle_decoder(bundle, DecodingSettings.from_mapping(bundle.decoding))
        self._trigram = phoneme_trigram_of(bundle) if with_phonemes else None
        self._leaves = None if bundle.leaves_path is None else read_leaves(bundle.leaves_path)

    def fit(self, sentences: Sequence[SpokenSentence]) -> AdaptedNetwork:
        """Return the network fitted to some of the sentences."""
        return fit(self._weights, sentences, self.settings, self._trigram, self._fast, self._leaves)

    def cross_validate(self, progress: Callable[[str], None] = lambda line: None) -> Gain:
        """Return what is gained on sentences that were not learned from; takes minutes."""
        gain = Gain()
        for number, (learned, held_back) in enumerate(_folds(self.sentences), 1):
            progress(f"part {number} of {FOLDS}: learning from {len(learned)} sentences")
            gain += self.judge(self.fit(learned), held_back)
        return gain

    def judge(self, network: AdaptedNetwork, sentences: Sequence[SpokenSentence]) -> Gain:
        """Return what a fitted network gains on sentences."""
        adapted = network.folded()
        gain = Gain()
        for sentence in sentences:
            before, after = (self._outcome(w, sentence) for w in (self._weights, adapted))
            gain += Gain(
                before.words, before.errors, after.errors,
                int(after.errors < before.errors), int(after.errors > before.errors),
            )  # fmt: skip
        return gain

    def _outcome(self, weights: Weights, sentence: SpokenSentence) -> Outcome:
        """Decode a sentence by plain weights, which is what `write` writes."""
        frames = probabilities(weights, sentence.vectors)
        steps = self.bundle.n_steps
        windows = tuple(frames[first : first + steps] for first in range(0, len(frames), steps))
        return decode_with(self._decoder, [Utterance(windows, sentence.transcript)])

    def write(
        self,
        folder: Path,
        name: str,
        gain: Gain,
        progress: Callable[[str], None] = lambda line: None,
        shapes: Sequence[str] = (),
    ) -> Bundle:
        """Fit to all sentences and write a bundle with the same language models.

        Args:
            folder: of the new bundle.
            name: of the new model.
            gain: what `cross_validate` found; written into the bundle's description.
            progress: called with a line about each file.
            shapes: shapes of the Core ML networks; see `write_networks`.
        """
        weights = self.fit(self.sentences).folded()
        bundle = self.bundle
        with staged_folder(folder) as place:
            networks: dict[str, Path] = {}
            for form, precision in [
                *((form, None) for form in default_formats()),
                ("onnx", "int8"),
            ]:
                networks.update(
                    write_networks(
                        weights, place, name, bundle.n_steps, [form], shapes, precision, progress
                    )
                )
            kept = {
                field: _copied(path, place)
                for field in _SHARED_FILES
                if (path := getattr(bundle, field)) is not None
            }
            about = f"{bundle.name}, adapted to a speaker with {len(self.sentences)} sentences"
            new = replace(bundle, folder=place, name=name, networks=networks, summary=about)
            new = replace(new, measured=_measured(gain), **kept)  # type: ignore[arg-type]
            write_bundle(new).front_end()
        return read_bundle(folder)


def _folds(
    sentences: Sequence[SpokenSentence],
) -> Iterator[tuple[list[SpokenSentence], list[SpokenSentence]]]:
    """Yield sentences to learn from and sentences held back; each is held back once."""
    for fold in range(FOLDS):
        learned = [s for i, s in enumerate(sentences) if i % FOLDS != fold]
        yield learned, list(sentences[fold::FOLDS])


def _copied(path: Path, folder: Path) -> Path:
    link_or_copy(path, folder / path.name)
    return folder / path.name


def _measured(gain: Gain) -> dict[str, Any]:
    return {
        "held_back_words": gain.words,
        "held_back_wer_before": round(gain.before / max(1, gain.words), 4),
        "held_back_wer": round(gain.after / max(1, gain.words), 4),
    }
