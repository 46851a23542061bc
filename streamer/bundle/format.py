"""Bundles: a folder with everything that one model needs, described by ``model.json``."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from streamer.errors import ModelError
from streamer.features import FrontEnd, create_front_end

#: The file that makes a folder a bundle.
DESCRIPTION_FILE = "model.json"
#: Version of its format that is read and written.
FORMAT = 1
#: The model inside the package, and the default everywhere.
BUNDLED = "english"
#: A description is a page or two; whatever is longer is something else.
MAX_DESCRIPTION_BYTES = 1 << 20

#: No front end comes near these; `FrontEnd` says what they are.
_LARGEST_FRONT_END: Mapping[str, int] = MappingProxyType(
    {
        "sample_rate_hz": 192_000,
        "window_samples": 16_384,
        "step_samples": 16_384,
        "n_fft": 16_384,
        "n_coefficients": 1024,
        "n_filters": 1024,
    }
)

_BACKENDS = ("coreml", "onnx", "numpy")
FIX_BUNDLE = f"fix {DESCRIPTION_FILE}, or convert or install the model again"

#: Names the folder of installed models, instead of the user's own data folder.
MODELS_VARIABLE = "STREAMER_MODELS"


def models_folder() -> Path:
    """Return where installed models live: a folder each, named as the model."""
    chosen = os.environ.get(MODELS_VARIABLE)
    if chosen:
        return Path(chosen).expanduser()
    from platformdirs import user_data_path

    return user_data_path("streamer", appauthor=False) / "models"


@dataclass(frozen=True)
class Bundle:
    """What a bundle's ``model.json`` says, checked, with its files found.

    Attributes:
        folder: where it lies.
        name: name of the model.
        version: version of the model.
        language: language it understands, as a code such as ``en``.
        licence: licence of the model.
        summary: one sentence about it.
        front_end_description: what `features.create_front_end` takes.
        n_context: feature vectors before and after the one in the middle.
        n_steps: steps in a window.
        n_input: coefficients in a feature vector.
        n_hidden: units of the LSTM.
        n_labels: outputs of the network: labels and the blank, then phonemes and theirs.
        n_phonemes: how many of the outputs are phonemes and their blank; 0 for none.
        alphabet_path: the labels, a line each.
        networks: files or packages by kind: ``onnx``, ``onnx-int8``,
            ``coreml``, ``numpy`` and the like.
        scorer_path: the language model package, if there is one.
        lexicon_path: how words are spoken, for a network that hears phonemes; without it
            such a network is used for its letters.
        recurrent_path: a recurrent language model, used beside the scorer.
        decoding: defaults of the decoder.
        training: what the model was trained on.
        measured: its measured accuracy.
    """

    folder: Path
    name: str
    version: str
    language: str
    licence: str
    summary: str
    front_end_description: Mapping[str, Any]
    n_context: int
    n_steps: int
    n_input: int
    n_hidden: int
    n_labels: int
    n_phonemes: int
    alphabet_path: Path
    networks: Mapping[str, Path]
    scorer_path: Path | None
    lexicon_path: Path | None
    recurrent_path: Path | None
    decoding: Mapping[str, Any]
    training: Mapping[str, Any]
    measured: Mapping[str, Any]

    def front_end(self) -> FrontEnd:
        """Make the front end that the model was trained with.

        Raises:
            ModelError: it is not known, or makes other vectors than the network takes.
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
            backend: ``auto`` (Core ML on macOS where the bundle has such a
                network, else ONNX, else NumPy), a backend, or one kind exactly
                as ``networks`` spells it (``onnx-int8``).

        Returns:
            The kind and the file.

        Raises:
            ModelError: the bundle has nothing for this backend.
        """
        if backend in self.networks:
            return backend, self.networks[backend]
        wanted = [backend]
        if backend == "auto":
            wanted = ["coreml", "onnx", "numpy"] if sys.platform == "darwin" else ["onnx", "numpy"]
        for choice in wanted:
            kinds = [kind for kind in self.networks if kind.split("-")[0] == choice]
            if kinds:
                kind = choice if choice in kinds else kinds[0]
                return kind, self.networks[kind]
        raise ModelError(
            f"model {self.name} has no network for backend {backend}",
            f"choose one of: auto, {', '.join(self.networks)}",
        )


def bundled_folder(name: str = BUNDLED) -> Path:
    """Return where a model inside the package lies, in a wheel or in a checkout."""
    package = Path(__file__).resolve().parents[1]
    inside = package / "assets" / name
    return inside if inside.is_dir() else package.parent / "assets" / name


def load_bundle(name_or_folder: str | Path = BUNDLED) -> Bundle:
    """Find a bundle and read its description.

    Args:
        name_or_folder: the folder of a bundle, or the name of a model:
            ``english``, which is inside the package, or an installed one.

    Raises:
        ModelError: there is no such model, or something in the folder is not
            as it should be.
    """
    return read_bundle(find_bundle(name_or_folder))


def find_bundle(name_or_folder: str | Path) -> Path:
    """Return the folder of a bundle; see `load_bundle`."""
    text = os.fspath(name_or_folder)
    try:
        return _look_for(text, may_be_name=isinstance(name_or_folder, str))
    # A home of nobody, a zero byte, a name that no file system takes.
    except (OSError, RuntimeError, ValueError) as error:
        raise ModelError(
            f"{text[:80]!r} is not a model", f"take a folder or a name such as {BUNDLED}"
        ) from error


def _look_for(text: str, may_be_name: bool) -> Path:
    if not text:
        raise ValueError("no name at all")
    folder = Path(text).expanduser()
    if folder.name == DESCRIPTION_FILE and folder.is_file():
        return folder.parent
    is_name = may_be_name and folder.name == text
    if is_name:
        if text == BUNDLED and (bundled_folder() / DESCRIPTION_FILE).is_file():
            return bundled_folder()
        installed = models_folder() / text
        if (installed / DESCRIPTION_FILE).is_file():
            return installed
    if folder.is_dir():
        return folder
    if is_name:
        raise ModelError(
            f"there is no model called {text}",
            f"take {BUNDLED}, an installed model, or the folder of a bundle",
        )
    raise ModelError(f"no such folder: {text}", f"take a folder with a {DESCRIPTION_FILE}")


def read_bundle(folder: Path) -> Bundle:
    """Read and check the bundle in a folder.

    Args:
        folder: the folder.

    Raises:
        ModelError: something in it is not as it should be.
    """
    path = folder / DESCRIPTION_FILE
    return _Reader(folder, _read_json(path)).bundle()


def _read_json(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise ModelError(
            f"{path.parent} is not a bundle: there is no {DESCRIPTION_FILE}",
            "take a folder that streamer convert has written",
        )
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_DESCRIPTION_BYTES + 1)
        if len(raw) > MAX_DESCRIPTION_BYTES:
            raise ValueError(f"longer than {MAX_DESCRIPTION_BYTES} bytes")
        contents = json.loads(raw.decode("utf-8"))
        if not isinstance(contents, dict):
            raise ValueError("not a JSON object")
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"{path} cannot be read: {error}", FIX_BUNDLE) from error
    return contents


class _Reader:
    """Takes checked values out of a description."""

    def __init__(self, folder: Path, contents: Mapping[str, Any]) -> None:
        self._folder = folder
        self._root = folder.resolve()
        self._contents = contents

    def bundle(self) -> Bundle:
        if self._contents.get("format") != FORMAT:
            raise self._wrong(
                f"format {self._contents.get('format')!r} is not known, only {FORMAT} is"
            )
        return Bundle(
            folder=self._folder,
            name=self._text("name"),
            version=self._text("version", ""),
            language=self._text("language", ""),
            licence=self._text("licence", ""),
            summary=self._text("description", ""),
            front_end_description=self._front_end(),
            n_context=self._number("n_context", low=0, high=256),
            n_steps=self._number("n_steps", high=4096),
            n_input=self._number("n_input", high=4096),
            n_hidden=self._number("n_hidden"),
            n_labels=self._number("n_labels", low=2),
            n_phonemes=self._phonemes(),
            alphabet_path=self._file("alphabet", self._contents.get("alphabet")),
            networks=self._networks(),
            scorer_path=self._optional_file("scorer"),
            lexicon_path=self._optional_file("lexicon"),
            recurrent_path=self._optional_file("recurrent"),
            decoding=self._mapping("decoding"),
            training=self._mapping("training"),
            measured=self._mapping("measured"),
        )

    def _wrong(self, what: str) -> ModelError:
        return ModelError(f"{self._folder / DESCRIPTION_FILE}: {what}", FIX_BUNDLE)

    def _text(self, key: str, default: str | None = None) -> str:
        value = self._contents.get(key, default)
        if not isinstance(value, str) or (default is None and not value):
            raise self._wrong(f"{key} is {value!r}, not a text")
        return value

    def _front_end(self) -> Mapping[str, Any]:
        """Return the entry, its numbers within reason: matrices are made of these sizes."""
        entry = self._mapping("front_end", required=True)
        for key, high in _LARGEST_FRONT_END.items():
            value = entry.get(key, 1)
            if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= high:
                raise self._wrong(f"front_end: {key} is {value!r}, not a number from 1 to {high}")
        return entry

    def _number(self, key: str, low: int = 1, high: int = 1 << 16) -> int:
        value = self._contents.get(key)
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise self._wrong(f"{key} is {value!r}, not a number from {low} to {high}")
        return value

    def _mapping(self, key: str, required: bool = False) -> Mapping[str, Any]:
        value = self._contents.get(key, None if required else {})
        if not isinstance(value, dict):
            raise self._wrong(f"{key} is {value!r}, not an object")
        return MappingProxyType(value)

    def _networks(self) -> Mapping[str, Path]:
        entries = self._mapping("networks", required=True)
        if not entries:
            raise self._wrong("networks is empty")
        for kind in entries:
            if kind.split("-")[0] not in _BACKENDS:
                raise self._wrong(f"a network of kind {kind!r} is not known")
        return MappingProxyType(
            {kind: self._file(f"networks: {kind}", name) for kind, name in entries.items()}
        )

    def _phonemes(self) -> int:
        if "n_phonemes" not in self._contents:
            return 0
        return self._number("n_phonemes", low=2, high=self._number("n_labels", low=4) - 2)

    def _optional_file(self, key: str) -> Path | None:
        name = self._contents.get(key)
        return None if name is None else self._file(key, name)

    def _file(self, key: str, name: Any) -> Path:
        if not isinstance(name, str) or not name or "\0" in name:
            raise self._wrong(f"{key} is {name!r}, not the name of a file")
        path = self._folder / name
        try:
            resolved = path.resolve()
            exists = path.exists()
        except (OSError, RuntimeError) as error:  # a loop of links, a name that is too long
            raise self._wrong(f"{key}: no file can have the name {name[:80]!r}") from error
        if self._root not in resolved.parents:
            raise self._wrong(f"{key}: {name} lies outside the bundle")
        if not exists:
            raise self._wrong(f"{key}: there is no file {name}")
        return path


def write_bundle(
    folder: str | Path,
    *,
    name: str,
    front_end: Mapping[str, Any],
    n_context: int,
    n_steps: int,
    n_input: int,
    n_hidden: int,
    n_labels: int,
    networks: Mapping[str, str],
    alphabet: str = "alphabet.txt",
    scorer: str | None = None,
    lexicon: str | None = None,
    recurrent: str | None = None,
    n_phonemes: int = 0,
    version: str = "",
    language: str = "",
    licence: str = "",
    summary: str = "",
    decoding: Mapping[str, Any] | None = None,
    training: Mapping[str, Any] | None = None,
    measured: Mapping[str, Any] | None = None,
) -> Bundle:
    """Write ``model.json`` into a folder that holds the files already, and read it back.

    The file appears whole or not at all.

    Args:
        folder: the folder of the bundle.
        name: see `Bundle`, as all that follow.
        front_end: what `FrontEnd.describe` returns.
        n_context: see `Bundle`.
        n_steps: see `Bundle`.
        n_input: see `Bundle`.
        n_hidden: see `Bundle`.
        n_labels: see `Bundle`.
        networks: names of files in the folder, by kind.
        alphabet: name of a file in the folder.
        scorer: name of a file in the folder.
        lexicon: name of a file in the folder.
        recurrent: name of a file in the folder.
        n_phonemes: see `Bundle`.
        version: see `Bundle`.
        language: see `Bundle`.
        licence: see `Bundle`.
        summary: see `Bundle`.
        decoding: see `Bundle`.
        training: see `Bundle`.
        measured: see `Bundle`.

    Raises:
        ModelError: the files are not there, the values make no sense, or the
            folder cannot be written to.
    """
    contents: dict[str, Any] = {
        "format": FORMAT,
        "name": name,
        "version": version,
        "language": language,
        "licence": licence,
        "description": summary,
        "front_end": dict(front_end),
        "n_context": n_context,
        "n_steps": n_steps,
        "n_input": n_input,
        "n_hidden": n_hidden,
        "n_labels": n_labels,
        "alphabet": alphabet,
        "networks": dict(networks),
    }
    if scorer is not None:
        contents["scorer"] = scorer
    if n_phonemes:
        contents["n_phonemes"] = n_phonemes
    if lexicon is not None:
        contents["lexicon"] = lexicon
    if recurrent is not None:
        contents["recurrent"] = recurrent
    for key, value in (("decoding", decoding), ("training", training), ("measured", measured)):
        if value:
            contents[key] = dict(value)
    folder = Path(folder)
    bundle = _Reader(folder, contents).bundle()
    text = json.dumps(contents, indent=2, ensure_ascii=False) + "\n"
    unfinished = folder / (DESCRIPTION_FILE + ".part")
    try:
        unfinished.write_text(text, encoding="utf-8")
        os.replace(unfinished, folder / DESCRIPTION_FILE)
    except OSError as error:
        raise ModelError(
            f"cannot write {folder / DESCRIPTION_FILE}: {error}", "choose another folder"
        ) from error
    return bundle
