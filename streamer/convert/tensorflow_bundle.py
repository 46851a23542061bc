"""Converts a frozen TensorFlow graph to a bundle by Apple's route, through TensorFlow."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Callable

from streamer.acoustic.contract import DEFAULT_STEPS, OUTPUT_NAMES
from streamer.bundle import Bundle, read_bundle
from streamer.convert.bundle_writer import (
    ALPHABET_FILE,
    bundle_for,
    described,
    finish_bundle,
    network_alphabet,
)
from streamer.convert.coreml.tensorflow_route import convert_graph
from streamer.convert.coreml.writer import model_path
from streamer.convert.options import (
    COREML_FORMATS,
    COREML_KINDS,
    DEFAULT_COREML_PRECISION,
    check_choice,
)
from streamer.convert.readers import read_network
from streamer.convert.staging import staged_folder
from streamer.decoding.alphabet import write_alphabet


def convert_to_bundle_with_tensorflow(
    network: str | Path,
    folder: str | Path,
    *,
    name: str = "",
    steps: int | None = None,
    formats: Sequence[str] | None = None,
    precision: str | None = None,
    alphabet: Path | None = None,
    scorer: Path | None = None,
    licence: str = "",
    author: str = "",
    outputs: Sequence[str] = (),
    progress: Callable[[str], None] = lambda what: None,
) -> Bundle:
    """Convert a frozen graph through TensorFlow and write a bundle with it.

    Args:
        network: a ``.pb``.
        folder: the bundle's folder.
        name: name of the model; the file's name if empty.
        steps: steps in a window; the graph's own number if None.
        formats: ``mlprogram`` (if None), ``neuralnetwork`` or both.
        precision: ``fp16`` (if None) or ``fp32``, of ML programs.
        alphabet: ``alphabet.txt``; the graph's own if None.
        scorer: language model package, copied into the bundle.
        licence: licence of the model.
        author: who made the model.
        outputs: see `convert_graph`; the names that DeepSpeech gives if empty.
        progress: called with a line about each step.

    Returns:
        The bundle, read back.

    Raises:
        ConversionError: see `convert_graph` and `network_alphabet`.
    """
    source = Path(network)
    name = name or source.stem.lower()
    weights = described(read_network(source), licence=licence, author=author)
    labels = network_alphabet(weights, alphabet, source)
    chosen = formats or ("mlprogram",)
    for form in chosen:
        check_choice("Core ML format", form, COREML_FORMATS)
    networks: dict[str, Path] = {}
    with staged_folder(folder) as staged:
        for form in chosen:
            progress(f"converting to {form} with TensorFlow")
            networks[COREML_KINDS[form]] = convert_graph(
                source,
                model_path(staged, name, form),
                steps,
                form,
                precision or DEFAULT_COREML_PRECISION,
                outputs or OUTPUT_NAMES,
                weights.description,
            )
        write_alphabet(staged / ALPHABET_FILE, labels)
        n_steps = steps or int(weights.description.get("n_steps") or 0)
        n_steps = n_steps if n_steps > 0 else DEFAULT_STEPS
        finish_bundle(bundle_for(weights, staged, name, networks, n_steps), source, scorer, licence)
    return read_bundle(Path(folder))
