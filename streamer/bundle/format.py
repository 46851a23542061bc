"""The bundle format: everything that one model needs, in a folder with a ``model.json``."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from streamer.bundle.sums import sums_of
from streamer.bundle.validation import DESCRIPTION_FILE, FIX_BUNDLE, Description
from streamer.errors import ModelError
from streamer.features import FrontEnd, create_front_end

#: Version of the format that is read and written.
FORMAT = 1

#: Networks that are preferred among those of a backend. Only an unrolled Core ML network can run
#: on the Neural Engine. Older bundles have one Core ML network, ``coreml``, of any shape.
PREFERRED = ("coreml-unrolled", "coreml", "onnx", "numpy")

#: Keys in ``model.json`` that differ from the names of `Bundle`'s fields.
_KEYS: Mapping[str, str] = MappingProxyType(
    {
        "summary": "description",
        "front_end_description": "front_end",
        "alphabet_path": "alphabet",
        "scorer_path": "scorer",
        "lexicon_path": "lexicon",
        "recurrent_path": "recurrent",
        "leaves_path": "leaves",
        "sums": "sha256",
    }
)
#: Fields that are left out of ``model.json`` when they are empty.
_OPTIONAL = frozenset(
    {
        "author", "scorer_path", "n_phonemes", "lexicon_path", "leaves_path", "recurrent_path",
        "decoding", "training", "measured", "sums", "preferred",
    }
)  # fmt: skip


@dataclass(frozen=True)
class Bundle:
    """A model: the values of its ``model.json`` and the paths of its files.

    The one list of fields: `read_bundle` and `write_bundle` go by it.
    """

    folder: Path
    """The bundle's folder; all other paths are inside it."""
    name: str
    """Name of the model."""
    version: str
    """Version of the model."""
    language: str
    """Language that it understands, as a code such as ``en``."""
    licence: str
    """Licence of the model."""
    summary: str
    """One sentence about the model."""
    front_end_description: Mapping[str, Any]
    """Arguments of `features.create_front_end`."""
    n_context: int
    """Feature vectors before and after the one in the middle."""
    n_steps: int
    """Steps in a window."""
    n_input: int
    """Coefficients in a feature vector."""
    n_hidden: int
    """Units of the LSTM."""
    n_labels: int
    """Outputs of the network: labels and the blank, then the phonemes and theirs."""
    alphabet_path: Path
    """The labels, one a line."""
    networks: Mapping[str, Path]
    """Network files by kind: ``onnx``, ``onnx-int8``, ``coreml-unrolled``, ``numpy`` and so on."""
    scorer_path: Path | None = None
    """The language model package, if there is one."""
    n_phonemes: int = 0
    """How many of the outputs are phonemes, or their leaves, and their blank; 0 for none."""
    lexicon_path: Path | None = None
    """Pronunciations, for a network with phoneme outputs; without it, its letters are used."""
    recurrent_path: Path | None = None
    """A recurrent language model, used beside the scorer."""
    leaves_path: Path | None = None
    """The leaf of each phoneme behind each other one, if the network's outputs are leaves."""
    decoding: Mapping[str, Any] = field(default_factory=dict)
    """Defaults of the decoder."""
    training: Mapping[str, Any] = field(default_factory=dict)
    """What the model was trained on."""
    author: str = ""
    """Who made the model."""
    measured: Mapping[str, Any] = field(default_factory=dict)
    """Measured accuracy."""
    sums: Mapping[str, str] = field(default_factory=dict)
    """SHA-256 of its files by name, as `write_bundle` found them; empty in older bundles."""
    preferred: str = ""
    """The network used among those of its backend; if empty, the usual one."""

    def files(self) -> list[Path]:
        """Return all its files; a Core ML package is a folder."""
        others = (self.scorer_path, self.lexicon_path, self.recurrent_path, self.leaves_path)
        named = [self.alphabet_path, *self.networks.values(), *others]
        return list(dict.fromkeys(path for path in named if path is not None))

    def front_end(self) -> FrontEnd:
        """Create the front end that the model was trained with.

        Raises:
            ModelError: it is unknown, or its vectors do not fit the network.
        """
        front_end = create_front_end(self.front_end_description)
        if front_end.n_coefficients != self.n_input:
            raise ModelError(
                f"{self.name}: the front end makes {front_end.n_coefficients} coefficients, "
                f"the network takes {self.n_input}",
                FIX_BUNDLE,
            )
        return front_end

    def choose_network(self, backend: str = "auto") -> tuple[str, Path]:
        """Choose a network of the bundle.

        Args:
            backend: ``auto`` (Core ML on macOS if the bundle has such a
                network, else ONNX, else NumPy), a backend, or an exact key
                of ``networks`` (``onnx-int8``, ``coreml-lstm``). Of several
                networks for Core ML, the unrolled one is chosen, and of those for
                ONNX the one in float32, unless the bundle prefers another.

        Returns:
            The kind and the file.

        Raises:
            ModelError: the bundle has no network for this backend.
        """
        if backend in self.networks:
            return backend, self.networks[backend]
        wanted = [backend]
        if backend == "auto":
            wanted = ["coreml", "onnx", "numpy"] if sys.platform == "darwin" else ["onnx", "numpy"]
        for choice in wanted:
            kinds = [kind for kind in self.networks if kind.split("-")[0] == choice]
            if kinds:
                order = (self.preferred, *PREFERRED)
                kind = next((kind for kind in order if kind in kinds), kinds[0])
                return kind, self.networks[kind]
        raise ModelError(
            f"model {self.name} has no network for backend {backend}",
            f"choose one of: auto, {', '.join(self.networks)}",
        )


def read_bundle(folder: Path) -> Bundle:
    """Read and check the bundle in a folder.

    Raises:
        ModelError: ``model.json`` is missing or damaged, a value is out of
            range, or a file is missing or outside the folder.
    """
    return _checked(Description.read(folder))


def write_bundle(bundle: Bundle) -> Bundle:
    """Write a bundle's ``model.json``; its files must be in the folder already.

    ``model.json`` is written whole or not at all, with the SHA-256 of each file.

    Returns:
        The bundle as it will be read.

    Raises:
        ModelError: a file is missing, a value is out of range, or the folder
            cannot be written to.
    """
    contents = _contents(replace(bundle, sums={}))
    checked = _checked(Description(bundle.folder, contents))
    try:
        checked = replace(checked, sums=sums_of(checked.folder, checked.files()))
    except OSError as error:
        raise ModelError(
            f"{error.filename} cannot be read: {error.strerror}", "check its permissions"
        ) from error
    contents = _contents(checked)
    text = json.dumps(contents, indent=2, ensure_ascii=False) + "\n"
    path = bundle.folder / DESCRIPTION_FILE
    unfinished = path.with_name(path.name + ".part")
    try:
        unfinished.write_bytes(text.encode("utf-8"))
        os.replace(unfinished, path)
    except UnicodeEncodeError as error:
        raise ModelError(
            f"{path}: {text[error.start : error.end]!r} is not text", "use other names"
        ) from error
    except OSError as error:
        raise ModelError(f"cannot write {path}: {error}", "choose another folder") from error
    return checked


def _checked(description: Description) -> Bundle:
    description.require_format(FORMAT)
    return Bundle(
        folder=description.folder,
        name=description.text("name"),
        version=description.text("version", ""),
        language=description.text("language", ""),
        licence=description.text("licence", ""),
        summary=description.text("description", ""),
        front_end_description=description.front_end(),
        n_context=description.number("n_context", low=0, high=256),
        n_steps=description.number("n_steps", high=4096),
        n_input=description.number("n_input", high=4096),
        n_hidden=description.number("n_hidden"),
        n_labels=description.number("n_labels", low=2),
        alphabet_path=description.file("alphabet"),
        networks=description.networks(),
        scorer_path=description.optional_file("scorer"),
        n_phonemes=description.n_phonemes(),
        lexicon_path=description.optional_file("lexicon"),
        recurrent_path=description.optional_file("recurrent"),
        leaves_path=description.leaves(),
        decoding=description.decoding(),
        training=description.mapping("training"),
        author=description.text("author", ""),
        measured=description.mapping("measured"),
        sums=description.sums(),
        preferred=description.text("preferred", ""),
    )


def _contents(bundle: Bundle) -> dict[str, Any]:
    """Return the JSON object for ``model.json``."""
    contents: dict[str, Any] = {"format": FORMAT}
    for entry in fields(bundle):
        value = getattr(bundle, entry.name)
        if entry.name == "folder" or (entry.name in _OPTIONAL and not value):
            continue
        if isinstance(value, Mapping):
            value = {key: _json_value(bundle, item) for key, item in value.items()}
        contents[_KEYS.get(entry.name, entry.name)] = _json_value(bundle, value)
    return contents


def _json_value(bundle: Bundle, value: Any) -> Any:
    """Return a value as JSON has it: paths are relative to the bundle's folder."""
    if not isinstance(value, Path):
        return value
    try:
        return value.relative_to(bundle.folder).as_posix()
    except ValueError:  # outside the folder: refused by the check that follows
        return str(value)
