"""Export of a checkpoint as a bundle: networks in every form, alphabet and ``model.json``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Callable

from torch import Tensor

from streamer.acoustic.weights import Weights
from streamer.bundle import Bundle, read_bundle, write_bundle
from streamer.convert.bundle_writer import ALPHABET_FILE, bundle_for
from streamer.convert.networks import write_networks
from streamer.convert.staging import staged_folder
from streamer.decoding.alphabet import Alphabet, write_alphabet
from streamer.decoding.language.recurrent_model import read_recurrent_model
from streamer.decoding.lexicon.leaves import Leaves, write_leaves
from streamer.decoding.lexicon.lexicon import Lexicon, write_lexicon
from streamer.decoding.scorer.package import read_scorer
from streamer.training.language.pronunciations import Pronunciations
from streamer.training.network.checkpoint import averaged_state, read_checkpoint
from streamer.training.network.folding import folded_layers
from streamer.training.network.training_network import RELU_CLIP, NetworkShape, TrainingNetwork

#: The file of the leaves in a bundle.
LEAVES_FILE = "leaves.txt"
#: Default forms and precisions.
FORMS: Sequence[Sequence[str]] = (
    ("onnx", "fp32"),
    ("onnx", "int8"),
    ("mlprogram", "fp16"),
)

#: Default decoding of a bundle with phonemes. Words may end at any phoneme, so the beam is wider
#: than for letters; RESULTS.md has the figures.
PHONEME_DECODING: Mapping[str, Any] = {
    "beam": 512, "beam_threshold": 14.0, "cutoff_top_n": 15, "lm_alpha": 1.0, "lm_beta": 0.0,
    "max_words": 50_000,
}  # fmt: skip


def checkpoint_weights(checkpoint: Mapping[str, Any], about: Mapping[str, Any]) -> Weights:
    """Return the folded network of a checkpoint's averaged weights.

    Args:
        checkpoint: as of `read_checkpoint`.
        about: more entries of the description: licence, version and the like.
    """
    shape = NetworkShape(**checkpoint["shape"])
    network = TrainingNetwork(shape)
    network.load_state_dict(averaged_state(checkpoint))
    description = {
        "n_input": shape.n_input,
        "n_context": shape.n_context,
        "n_phonemes": shape.n_upper,
        "relu_clip": RELU_CLIP,
        "forget_bias": 0.0,
        "sample_rate_hz": int(checkpoint["front_end"]["sample_rate_hz"]),
        "front_end": dict(checkpoint["front_end"]),
        "alphabet": list(checkpoint["letters"]),
        "language": "en",
        **about,
    }
    return Weights(folded_layers(network), description)


def checkpoint_leaves(checkpoint: Mapping[str, Any]) -> Leaves | None:
    """Return the leaves of a checkpoint's phonemes, or None."""
    if not NetworkShape(**checkpoint["shape"]).n_leaves:
        return None
    table: Tensor = checkpoint["average"]["phoneme_leaves"]
    return Leaves(table.numpy())


def export(
    checkpoint_path: Path,
    folder: Path,
    *,
    name: str = "english",
    version: str = "0.1.0",
    licence: str = "",
    author: str = "",
    summary: str = "",
    data: str = "",
    scorer: Path | None = None,
    lexicon: Path | None = None,
    recurrent: Path | None = None,
    decoding: Mapping[str, Any] | None = None,
    measured: Mapping[str, Any] | None = None,
    steps: int = 16,
    forms: Sequence[Sequence[str]] = FORMS,
    shapes: Sequence[str] = (),
    progress: Callable[[str], None] = lambda what: None,
) -> Bundle:
    """Write a bundle.

    Args:
        checkpoint_path: checkpoint of `streamer train`.
        folder: folder of the bundle; created if missing.
        name: of the model and its files.
        version: of the model.
        licence: of the model.
        author: of the model.
        summary: one sentence about the model.
        data: description of the training data.
        scorer: language model to include, or None.
        lexicon: pronunciations, for a network with phonemes and a scorer. If None, those that
            the training wrote beside the checkpoint; they are learned if there are none.
        recurrent: recurrent language model to include, or None; needs a scorer.
        decoding: defaults of the decoder; `PHONEME_DECODING` if None and there is a lexicon.
        measured: measured accuracy; that of the last epoch if None.
        steps: steps in a window.
        forms: pairs of a form and a precision of `streamer.convert`.
        shapes: shapes of the Core ML networks; see `write_networks`.
        progress: prints a line about each file.

    Returns:
        The bundle, read from the folder.

    Raises:
        StreamerError: the checkpoint cannot be read or a form cannot be written.
    """
    checkpoint = read_checkpoint(checkpoint_path)
    about = {"licence": licence, "version": version, "description": summary, "author": author}
    weights = checkpoint_weights(checkpoint, about)
    networks: dict[str, Path] = {}
    n_phonemes = int(weights.description["n_phonemes"])
    with_lexicon = bool(n_phonemes) and scorer is not None
    with staged_folder(folder) as place:
        for form, precision in forms:
            networks.update(
                write_networks(weights, place, name, steps, [form], shapes, precision, progress)
            )
        write_alphabet(place / ALPHABET_FILE, Alphabet(list(checkpoint["letters"])))
        if scorer is not None:
            read_scorer(scorer)
            (place / f"{name}.scorer").write_bytes(scorer.read_bytes())
        if scorer is not None and with_lexicon:
            words = read_scorer(scorer).words(Alphabet(list(checkpoint["letters"])))
            kept = lexicon or checkpoint_path.parent / "cache" / "pronunciations.gz"
            if not kept.is_file():
                progress("learning pronunciations, which takes a minute or two")
                kept = place / "pronunciations.part"
            write_lexicon(_lexicon_of(words, kept), place / f"{name}.lexicon.gz")
            (place / "pronunciations.part").unlink(missing_ok=True)
        leaves = checkpoint_leaves(checkpoint)
        if leaves is not None:
            write_leaves(leaves, place / LEAVES_FILE)
        if recurrent is not None:
            read_recurrent_model(recurrent)
            (place / f"{name}.recurrent.safetensors").write_bytes(recurrent.read_bytes())
        bundle = replace(
            bundle_for(weights, place, name, networks, steps),
            scorer_path=place / f"{name}.scorer" if scorer is not None else None,
            lexicon_path=place / f"{name}.lexicon.gz" if with_lexicon else None,
            leaves_path=place / LEAVES_FILE if leaves is not None else None,
            recurrent_path=(
                place / f"{name}.recurrent.safetensors" if recurrent is not None else None
            ),
            decoding=(PHONEME_DECODING if decoding is None and with_lexicon else decoding) or {},
            training=_training(checkpoint, data),
            measured=measured if measured is not None else _measured(checkpoint),
        )
        write_bundle(bundle).front_end()
    return read_bundle(folder)


def _lexicon_of(words: Sequence[str], kept: Path) -> Lexicon:
    """Return the pronunciations of these words, with the rules for all others."""
    whole = Pronunciations(kept).lexicon
    variants = {word: whole.pronunciations(word) for word in words}
    return Lexicon({word: found for word, found in variants.items() if found}, lambda: whole.rules)


def _training(checkpoint: Mapping[str, Any], data: str) -> dict[str, Any]:
    progress = checkpoint["progress"]
    entry: dict[str, Any] = {
        "hours": round(checkpoint["hours"], 2),
        "epochs": progress["epoch"],
        "steps": progress["step"],
        "trained_minutes": round(progress["seconds"] / 60, 1),
        "loss_per_letter": round(progress["loss"], 4),
    }
    return {"data": data, **entry} if data else entry


def _measured(checkpoint: Mapping[str, Any]) -> dict[str, float]:
    history = checkpoint["progress"]["history"]
    last = history[-1] if history else {}
    return {f"dev_{key}_greedy": round(last[key], 4) for key in ("wer", "cer") if key in last}
