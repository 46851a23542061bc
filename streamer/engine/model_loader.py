"""Load a model: from its name to the stages of a recogniser."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from streamer.engine.background import InBackground

if TYPE_CHECKING:
    from streamer.bundle import Bundle
    from streamer.decoding import Decoder, UserWord
    from streamer.engine.utterance import Stages
    from streamer.text.model import TextModel


@dataclass(frozen=True)
class ModelChoice:
    """Which model to load, and how to run it.

    Attributes:
        model: name of a model or folder of a bundle.
        backend: ``auto``, ``coreml``, ``onnx``, ``numpy``, or one of the
            bundle's networks.
        decoder: ``auto``, ``beam``, ``ds`` or ``greedy``.
        beam: beam width of the decoder; None for the model's default.
        compute_units: for Core ML; None for the default.
        user_words: words to add to the vocabulary or to make more likely.
        hints: the same, but skipped if the decoder has no vocabulary or the
            alphabet cannot spell them.
        latency: ``normal`` or ``low``: shorter windows, so that words come sooner.
    """

    model: str | Path = "english"
    backend: str = "auto"
    decoder: str = "auto"
    beam: int | None = None
    compute_units: str | None = None
    user_words: Sequence[UserWord] = ()
    hints: Sequence[UserWord] = ()
    latency: str = "normal"


@dataclass(frozen=True)
class LoadedModel:
    """A model ready to run.

    Attributes:
        bundle: its description.
        stages: front end, acoustic model and decoder.
        text_model: the one of its language; None if there is none.
    """

    bundle: Bundle
    stages: Stages
    text_model: TextModel | None = None


def load_model(choice: ModelChoice) -> LoadedModel:
    """Load a model: its acoustic model, its decoder and its text model in parallel.

    Raises:
        ModelError: the bundle cannot be used.
        DecoderError: the decoder is not installed or does not fit the model.
        UsageError: there is no such backend or decoder.
    """
    from streamer.bundle import load_bundle
    from streamer.engine.utterance import Stages
    from streamer.models.backends import load_acoustic_model
    from streamer.text.model import find_text_model

    bundle = load_bundle(choice.model)
    decoder = InBackground(lambda: load_decoder(bundle, choice), "load decoder")
    text_model = InBackground(lambda: find_text_model(bundle.language), "load text model")
    front_end = bundle.front_end()
    model = load_acoustic_model(bundle, choice.backend, choice.compute_units, choice.latency)
    stages = Stages(front_end, model, decoder.result())
    return LoadedModel(bundle, stages, text_model.result())


def load_decoder(bundle: Bundle, choice: ModelChoice) -> Decoder:
    """Return the decoder of a bundle.

    Raises:
        ModelError: alphabet, scorer or settings cannot be used, or the
            alphabet does not fit the network.
        DecoderError: the decoder is not installed or does not fit the model.
    """
    from streamer.bundle.sums import check_sums
    from streamer.decoding import DecodingSettings, create_decoder, read_alphabet
    from streamer.errors import ModelError
    from streamer.text.model import find_slurs

    check_sums(bundle, [path for path in bundle.files() if path not in bundle.networks.values()])
    alphabet = read_alphabet(bundle.alphabet_path)
    n_letters = bundle.n_labels - bundle.n_phonemes
    if len(alphabet) + 1 != n_letters:
        raise ModelError(
            f"{bundle.alphabet_path} has {len(alphabet)} labels, the network has"
            f" {n_letters - 1} and the blank",
            "use the alphabet that the network was trained with",
        )
    kind = "beam" if choice.decoder == "auto" else choice.decoder
    settings = DecodingSettings.from_mapping(bundle.decoding, kind)
    if choice.beam is not None:
        settings = replace(settings, beam=choice.beam)
    words = list(choice.user_words)
    if kind == "beam" and bundle.scorer_path is not None:
        wanted = {word.word for word in words}
        words += [h for h in choice.hints if h.word not in wanted and alphabet.can_spell(h.word)]
    return create_decoder(
        choice.decoder, alphabet, bundle.scorer_path, settings, words,
        bundle.lexicon_path, bundle.n_phonemes, bundle.recurrent_path,
        excluded=find_slurs(bundle.language), leaves_path=bundle.leaves_path,
    )  # fmt: skip
