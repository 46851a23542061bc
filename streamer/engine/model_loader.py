"""From the name of a model to the stages of a recogniser, the slow parts side by side."""

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


@dataclass(frozen=True)
class ModelChoice:
    """Which model, and how it is run.

    Attributes:
        model: name of a model or folder of a bundle.
        backend: ``auto``, ``coreml``, ``onnx``, ``numpy``, or a kind of
            network of the bundle.
        decoder: ``auto``, ``beam``, ``ds`` or ``greedy``.
        beam: hypotheses that the decoder keeps; None for the model's default.
        compute_units: for Core ML; None for the default.
        user_words: words to add or to make likelier.
        hints: the same for words that nobody insists on: a decoder that knows
            no words, or an alphabet that cannot spell them, leaves them out.
    """

    model: str | Path = "english"
    backend: str = "auto"
    decoder: str = "auto"
    beam: int | None = None
    compute_units: str | None = None
    user_words: Sequence[UserWord] = ()
    hints: Sequence[UserWord] = ()


@dataclass(frozen=True)
class LoadedModel:
    """A model that is ready.

    Attributes:
        bundle: what its description says.
        stages: front end, acoustic model and decoder.
    """

    bundle: Bundle
    stages: Stages


def load_model(choice: ModelChoice) -> LoadedModel:
    """Load a model; acoustic model and decoder side by side.

    Args:
        choice: which.

    Raises:
        ModelError: the bundle cannot be used.
        DecoderError: the decoder is not there or does not fit.
        UsageError: a name that does not exist.
    """
    from streamer.bundle import load_bundle
    from streamer.engine.utterance import Stages
    from streamer.models.backends import load_acoustic_model

    bundle = load_bundle(choice.model)
    decoder = InBackground(lambda: load_decoder(bundle, choice), "load decoder")
    front_end = bundle.front_end()
    model = load_acoustic_model(bundle, choice.backend, choice.compute_units)
    return LoadedModel(bundle, Stages(front_end, model, decoder.result()))


def load_decoder(bundle: Bundle, choice: ModelChoice) -> Decoder:
    """Make the decoder of a bundle.

    Raises:
        ModelError: alphabet, scorer or settings cannot be used, or the
            alphabet has another number of labels than the network.
        DecoderError: the decoder is not there or does not fit.
    """
    from streamer.decoding import DecodingSettings, create_decoder, read_alphabet
    from streamer.errors import ModelError

    alphabet = read_alphabet(bundle.alphabet_path)
    n_letters = bundle.n_labels - bundle.n_phonemes
    if len(alphabet) + 1 != n_letters:
        raise ModelError(
            f"{bundle.alphabet_path} has {len(alphabet)} labels, the network has"
            f" {n_letters - 1} and the blank",
            "put the alphabet there that the network was trained with",
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
    )  # fmt: skip
