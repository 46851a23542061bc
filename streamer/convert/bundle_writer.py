"""Converts a network in any format to a bundle: networks, alphabet, scorer, ``model.json``."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Callable

from streamer.acoustic.contract import DEFAULT_STEPS
from streamer.acoustic.weights import Weights
from streamer.bundle import Bundle, read_bundle, write_bundle
from streamer.convert.networks import check_networks, default_formats, write_networks
from streamer.convert.options import check_steps
from streamer.convert.readers import read_network
from streamer.convert.reconversion import convert_bundle_again, is_bundle
from streamer.convert.staging import link_or_copy, staged_folder
from streamer.decoding.alphabet import Alphabet, read_alphabet, write_alphabet
from streamer.decoding.scorer.package import read_scorer
from streamer.errors import ConversionError
from streamer.features import DeepSpeechFrontEnd
from streamer.printable import printable

#: Name of the alphabet in a bundle.
ALPHABET_FILE = "alphabet.txt"


def convert_to_bundle(
    network: str | Path,
    folder: str | Path,
    *,
    name: str = "",
    scorer: Path | None = None,
    alphabet: Path | None = None,
    licence: str = "",
    steps: int | None = None,
    formats: Sequence[str] | None = None,
    shapes: Sequence[str] = (),
    precision: str | None = None,
    author: str = "",
    lengths: bool = False,
    flexible: bool = False,
    more_steps: Sequence[int] = (),
    progress: Callable[[str], None] = lambda what: None,
) -> Bundle:
    """Convert a network and write a bundle with it.

    A failed conversion leaves no files behind. Of a bundle the networks in the given formats are
    written anew, and everything else is kept; see `convert_bundle_again`.

    Args:
        network: ``.pbmm``, ``.pb``, ``.tflite``, ``.safetensors``, ``.onnx``, a checkpoint, or a
            bundle's folder.
        folder: the bundle's folder; files of the same names are replaced.
        name: name of the model; the file's or the bundle's name if empty.
        scorer: language model package, copied into the bundle.
        alphabet: ``alphabet.txt``; the network's own if None.
        licence: licence of the model.
        steps: steps in a window, 1 to 64; if None, `DEFAULT_STEPS` or those of the bundle.
        formats: some of `options.FORMATS`; if None, `default_formats`, or ML programs of a bundle.
        shapes: see `write_networks`.
        precision: see `write_networks`.
        author: who made the model.
        lengths: see `write_networks`.
        flexible: see `write_networks`; networks of other formats have ``steps``.
        more_steps: see `write_networks`; ``steps`` is the largest number.
        progress: called with a line about each step.

    Returns:
        The bundle, read back.

    Raises:
        ConversionError: the network cannot be read, or not be written in a
            format, or has no alphabet.
        ModelError: the alphabet or the scorer is damaged.
    """
    source = Path(network)
    again = is_bundle(source)
    chosen = list(formats) if formats else ["mlprogram"] if again else default_formats()
    check_networks(chosen, shapes, precision, lengths, flexible)
    if again:
        if scorer is not None or alphabet is not None:
            raise ConversionError(
                f"{source} is a bundle, which keeps its scorer and alphabet",
                "leave out --scorer and --alphabet, or convert the original network",
            )
        changes = {"name": name, "licence": licence, "author": author}
        return convert_bundle_again(
            source,
            Path(folder),
            {key: value for key, value in changes.items() if value},
            steps=steps,
            formats=chosen,
            shapes=shapes,
            precision=precision,
            lengths=lengths,
            flexible=flexible,
            more_steps=more_steps,
            progress=progress,
        )
    steps = DEFAULT_STEPS if steps is None else steps
    for number in (steps, *more_steps):
        check_steps(number)
    progress(f"reading {source}")
    weights = described(read_network(source), licence=licence, author=author)
    labels = network_alphabet(weights, alphabet, source)
    name = name or _model_name(source)
    with staged_folder(folder) as staged:
        networks = write_networks(
            weights,
            staged,
            name,
            steps,
            chosen,
            shapes,
            precision,
            progress,
            lengths,
            flexible,
            more_steps,
        )
        write_alphabet(staged / ALPHABET_FILE, labels)
        finish_bundle(bundle_for(weights, staged, name, networks, steps), source, scorer, licence)
    return read_bundle(Path(folder))


def described(weights: Weights, **about: str) -> Weights:
    """Return weights whose description has these entries, too, as far as they are not empty."""
    given = {key: value for key, value in about.items() if value}
    return dataclasses.replace(weights, description={**weights.description, **given})


def bundle_for(
    weights: Weights, folder: Path, name: str, networks: Mapping[str, Path], n_steps: int
) -> Bundle:
    """Return the description of a bundle with a network; see `write_bundle`.

    Args:
        weights: the network; its description supplies version, language, licence,
            summary and front end.
        folder: the bundle's folder, which has the alphabet in it.
        name: name of the model.
        networks: network files by kind.
        n_steps: steps in a window.
    """
    description = weights.description
    return Bundle(
        folder=folder,
        name=name,
        version=str(description.get("version", "")),
        language=str(description.get("language", "en")),
        licence=str(description.get("licence", "")),
        author=str(description.get("author", "")),
        summary=str(description.get("description", "")),
        front_end_description=description.get("front_end") or DeepSpeechFrontEnd().describe(),
        n_context=weights.n_context,
        n_steps=n_steps,
        n_input=weights.n_input,
        n_hidden=weights.n_hidden,
        n_labels=weights.n_labels,
        n_phonemes=weights.n_labels - weights.groups[0],
        alphabet_path=folder / ALPHABET_FILE,
        networks=networks,
    )


def finish_bundle(bundle: Bundle, source: Path, scorer: Path | None, licence: str) -> None:
    """Add the scorer and ``model.json`` to a bundle that has its networks and alphabet.

    Args:
        bundle: see `bundle_for`.
        source: the file that was converted.
        scorer: language model package to copy into the bundle.
        licence: licence of the model; the network's own if empty.

    Raises:
        ModelError: the scorer is damaged, or the front end does not fit the network.
    """
    copy = None
    if scorer is not None:
        read_scorer(scorer)
        copy = bundle.folder / f"{bundle.name}.scorer"
        link_or_copy(scorer, copy)
    bundle = dataclasses.replace(
        bundle,
        summary=f"converted from {printable(source.name)}",
        licence=licence or bundle.licence,
        scorer_path=copy,
    )
    write_bundle(bundle).front_end()


def network_alphabet(weights: Weights, file: Path | None, source: Path) -> Alphabet:
    """Return the alphabet of a network.

    Args:
        weights: the network.
        file: ``alphabet.txt``; the network's own alphabet if None.
        source: the network's file, for errors.

    Raises:
        ConversionError: there is none, or it does not fit the network's outputs.
        ModelError: the file is damaged.
    """
    described = weights.description.get("alphabet")
    if file is not None:
        alphabet = read_alphabet(file)
    elif isinstance(described, (list, tuple)) and all(isinstance(x, str) for x in described):
        alphabet = Alphabet(described)
    else:
        raise ConversionError(
            f"{source} does not contain its alphabet",
            "give the model's alphabet.txt with --alphabet",
        )
    if len(alphabet) + 1 != weights.groups[0]:
        raise ConversionError(
            f"{source} has {weights.groups[0]} outputs, its alphabet {len(alphabet)} labels "
            "and the blank",
            "give the model's own alphabet.txt with --alphabet",
        )
    return alphabet


def _model_name(source: Path) -> str:
    name = re.sub(r"[^a-z0-9._-]+", "-", source.stem.lower()).strip("-._")
    return name or "model"
