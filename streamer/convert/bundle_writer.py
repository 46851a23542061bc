"""From a network in any form to a whole bundle: networks, alphabet, scorer, ``model.json``."""

from __future__ import annotations

import dataclasses
import importlib.util
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Callable

from streamer.acoustic.weights import Weights
from streamer.bundle import Bundle, read_bundle, write_bundle
from streamer.convert.readers import read_network
from streamer.convert.steps import check_steps
from streamer.decoding.alphabet import Alphabet, read_alphabet, write_alphabet
from streamer.decoding.scorer.package import read_scorer
from streamer.errors import ConversionError
from streamer.features import DeepSpeechFrontEnd

#: Forms that can be written.
FORMATS = ("onnx", "mlprogram", "neuralnetwork", "safetensors")
#: Shapes of a Core ML network; see `streamer.convert.coreml`.
SHAPES = ("lstm", "unrolled", "stateful")
#: How weights can be stored.
PRECISIONS = ("fp32", "fp16", "int8", "palette6", "palette4")
#: What DeepSpeech exports, and a good balance of delay and work.
DEFAULT_STEPS = 16
#: Core ML's own default; a program in float32 is barred from the Neural Engine.
DEFAULT_COREML_PRECISION = "fp16"


def default_formats() -> list[str]:
    """Return what is written when nothing is asked for: ONNX, and Core ML where it can be."""
    available = sys.platform == "darwin" or importlib.util.find_spec("coremltools") is not None
    return ["onnx", "mlprogram"] if available else ["onnx"]


def convert_to_bundle(
    network: str | Path,
    folder: str | Path,
    *,
    name: str = "",
    scorer: Path | None = None,
    alphabet: Path | None = None,
    licence: str = "",
    steps: int = DEFAULT_STEPS,
    formats: Sequence[str] | None = None,
    shape: str = "lstm",
    precision: str | None = None,
    progress: Callable[[str], None] = lambda what: None,
) -> Bundle:
    """Convert a network and write a bundle around it.

    Everything is made in a folder of its own first, so that a conversion that
    fails leaves nothing behind.

    Args:
        network: ``.pbmm``, ``.pb``, ``.tflite``, ``.safetensors``, ``.onnx`` or a checkpoint.
        folder: where the bundle goes; files of the same names are replaced.
        name: name of the model; that of the file if empty.
        scorer: language model package, copied into the bundle.
        alphabet: ``alphabet.txt``; if None what the network itself says.
        licence: licence of the model.
        steps: steps in a window, 1 to 64.
        formats: some of `FORMATS`; `default_formats` if None.
        shape: one of `SHAPES`, for Core ML.
        precision: one of `PRECISIONS`. If None, float32 for ONNX and float16
            for Core ML. ONNX is written in int8 for ``int8`` and in float32
            for all else.
        progress: told what is being done.

    Returns:
        The bundle, read back.

    Raises:
        ConversionError: the network cannot be read or written in that form,
            or no alphabet is known.
        ModelError: the alphabet or the scorer is damaged.
    """
    source = Path(network)
    chosen = list(formats) if formats else default_formats()
    _check_arguments(chosen, shape, precision, steps)
    progress(f"reading {source}")
    weights = read_network(source)
    labels = _labels(weights, alphabet, source)
    name = name or _name_of(source)
    with staging(folder) as place:
        networks = write_networks(weights, place, name, steps, chosen, shape, precision, progress)
        write_alphabet(place / "alphabet.txt", labels)
        finish_bundle(bundle_for(weights, place, name, networks, steps), source, scorer, licence)
    return read_bundle(Path(folder))


def write_networks(
    weights: Weights,
    folder: Path,
    name: str,
    steps: int,
    formats: Sequence[str],
    shape: str,
    precision: str | None,
    progress: Callable[[str], None],
) -> dict[str, Path]:
    """Write a network in several forms.

    Returns:
        The files by kind, as in `Bundle.networks`.

    Raises:
        ConversionError: a form cannot be written.
    """
    networks: dict[str, Path] = {}
    for form in formats:
        progress(f"writing {form}")
        if form == "onnx":
            from streamer.convert.writers.onnx import write_onnx, write_onnx_int8

            int8 = precision == "int8"
            file = folder / (f"{name}.int8.onnx" if int8 else f"{name}.onnx")
            (write_onnx_int8 if int8 else write_onnx)(weights, file, steps)
            networks["onnx-int8" if int8 else "onnx"] = file
            if not int8:  # the same weights: NumPy reads them there
                networks.setdefault("numpy", file)
        elif form == "safetensors":
            from streamer.convert.writers.safetensors import write_safetensors

            networks["numpy"] = folder / f"{name}.safetensors"
            write_safetensors(weights, networks["numpy"])
        else:
            from streamer.convert.coreml import write_coreml

            suffix = ".mlpackage" if form == "mlprogram" else ".mlmodel"
            kind = "coreml" if form == "mlprogram" else "coreml-neuralnetwork"
            networks[kind] = write_coreml(
                weights,
                folder / f"{name}{suffix}",
                steps=steps,
                shape=shape,
                precision=precision or DEFAULT_COREML_PRECISION,
                format=form,
            )
    return networks


def bundle_for(
    weights: Weights, folder: Path, name: str, networks: Mapping[str, Path], n_steps: int
) -> Bundle:
    """Return the description of a bundle around a network; see `write_bundle`.

    Args:
        weights: the network; what its description says goes into the bundle.
        folder: the bundle's folder, with ``alphabet.txt`` in it.
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
        summary=str(description.get("description", "")),
        front_end_description=description.get("front_end") or DeepSpeechFrontEnd().describe(),
        n_context=weights.n_context,
        n_steps=n_steps,
        n_input=weights.n_input,
        n_hidden=weights.n_hidden,
        n_labels=weights.n_labels,
        n_phonemes=weights.n_labels - weights.groups[0],
        alphabet_path=folder / "alphabet.txt",
        networks=networks,
    )


def finish_bundle(bundle: Bundle, source: Path, scorer: Path | None, licence: str) -> None:
    """Copy the scorer and write ``model.json`` beside networks and alphabet.

    Args:
        bundle: see `bundle_for`.
        source: the file that was converted.
        scorer: language model package to put into the bundle.
        licence: licence of the model, in place of the one that the network states.

    Raises:
        ModelError: the scorer is damaged, or the front end does not fit the network.
    """
    inside = None
    if scorer is not None:
        read_scorer(scorer)
        inside = bundle.folder / f"{bundle.name}.scorer"
        _link_or_copy(scorer, inside)
    bundle = dataclasses.replace(
        bundle,
        summary=f"converted from {source.name}",
        licence=licence or bundle.licence,
        scorer_path=inside,
    )
    write_bundle(bundle).front_end()


class staging:  # noqa: N801 - reads as what it does: with staging(folder) as place
    """A folder beside the one to fill; what is in it moves there when all went well.

    Args:
        folder: the folder to fill, made if it is not there.
    """

    def __init__(self, folder: str | Path) -> None:
        self._folder = Path(folder)

    def __enter__(self) -> Path:
        self._is_new = not self._folder.exists()
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._place = Path(tempfile.mkdtemp(dir=self._folder, prefix=".new-"))
        except OSError as error:
            raise ConversionError(
                f"cannot write to {self._folder}: {error.strerror}", "choose another folder"
            ) from error
        return self._place

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        try:
            if kind is None:
                for entry in sorted(self._place.iterdir(), key=lambda e: e.name == "model.json"):
                    target = self._folder / entry.name
                    if target.is_dir() and not target.is_symlink():
                        shutil.rmtree(target)
                    os.replace(entry, target)
        finally:
            shutil.rmtree(self._place, ignore_errors=True)
            if kind is not None and self._is_new:
                shutil.rmtree(self._folder, ignore_errors=True)


def _check_arguments(formats: Sequence[str], shape: str, precision: str | None, steps: int) -> None:
    check_steps(steps)
    for form in formats:
        if form not in FORMATS:
            raise ConversionError(
                f"a network of format {form!r} cannot be written",
                f"choose among {', '.join(FORMATS)}",
            )
    if shape not in SHAPES:
        raise ConversionError(
            f"a network of shape {shape!r} cannot be written", f"choose among {', '.join(SHAPES)}"
        )
    if precision is not None and precision not in PRECISIONS:
        raise ConversionError(
            f"precision {precision!r} is not known", f"choose among {', '.join(PRECISIONS)}"
        )


def _labels(weights: Weights, file: Path | None, source: Path) -> Alphabet:
    described = weights.description.get("alphabet")
    if file is not None:
        alphabet = read_alphabet(file)
    elif isinstance(described, (list, tuple)) and all(isinstance(x, str) for x in described):
        alphabet = Alphabet(described)
    else:
        raise ConversionError(
            f"{source} does not say what its labels are",
            "give the model's alphabet.txt with --alphabet",
        )
    if len(alphabet) + 1 != weights.groups[0]:
        raise ConversionError(
            f"{source} has {weights.groups[0]} outputs, its alphabet {len(alphabet)} labels "
            "and the blank",
            "give the alphabet.txt that belongs to it with --alphabet",
        )
    return alphabet


def _name_of(source: Path) -> str:
    name = re.sub(r"[^a-z0-9._-]+", "-", source.stem.lower()).strip("-._")
    return name or "model"


def _link_or_copy(source: Path, target: Path) -> None:
    # A scorer has a gigabyte: where the file system can, both names share it.
    try:
        os.link(source.resolve(), target)
    except OSError:
        shutil.copyfile(source, target)
