"""Reads a bundle's ``model.json`` and checks every value that is taken from it."""

from __future__ import annotations

import json
import math
import re
import reprlib
import stat
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from streamer.decoding.lexicon.leaves import read_leaves
from streamer.decoding.settings import DecodingSettings
from streamer.errors import ModelError
from streamer.untrusted.regular_files import read_regular, walk_files

#: The file that makes a folder a bundle.
DESCRIPTION_FILE = "model.json"
#: A description takes a page or two; anything longer is not one.
MAX_DESCRIPTION_BYTES = 1 << 20
#: Longest text of one entry, in characters.
MAX_TEXT = 4096
#: Longest name of a front end or window, in characters.
_MAX_WORD = 64
#: Networks of one bundle, and files of one package or of all sums.
_MAX_NETWORKS = 64
_MAX_FILES = 1024
#: What to do about a description that cannot be used.
FIX_BUNDLE = f"fix {DESCRIPTION_FILE}, or convert or install the model again"

#: Runtimes that a network can be written for.
_BACKENDS = ("coreml", "onnx", "numpy")

#: Folders that are one network: Core ML's packages, as they are and compiled.
_PACKAGES = (".mlpackage", ".mlmodelc")

_SHA256 = re.compile("[0-9a-f]{64}")

#: Upper bounds for a front end's sizes, see `FrontEnd`. Matrices of these sizes are allocated.
_LARGEST_FRONT_END: Mapping[str, int] = MappingProxyType(
    {
        "sample_rate_hz": 192_000,
        "window_samples": 16_384,
        "step_samples": 16_384,
        "n_fft": 16_384,
        "n_coefficients": 1024,
        "n_filters": 1024,
        "lifter": 10_000,
    }
)
#: Its other numbers, and how large they may be.
_FRONT_END_NUMBERS: Mapping[str, float] = MappingProxyType(
    {"low_hz": 1e6, "high_hz": 1e6, "pre_emphasis": 10.0}
)


class Description:
    """The contents of a ``model.json``; every value is checked as it is read.

    Args:
        folder: the bundle's folder; files are looked up in it.
        contents: the JSON object.
    """

    def __init__(self, folder: Path, contents: Mapping[str, Any]) -> None:
        self.folder = folder
        self._root = folder.resolve()
        self._contents = contents

    @classmethod
    def read(cls, folder: Path) -> Description:
        """Read the description in a folder.

        Raises:
            ModelError: there is none, or it is not a JSON object.
        """
        path = folder / DESCRIPTION_FILE
        if not path.is_file():
            raise ModelError(
                f"{folder} is not a bundle: there is no {DESCRIPTION_FILE}",
                "choose a folder written by streamer convert",
            )
        try:
            if folder.resolve() not in path.resolve().parents:
                raise ValueError("it is outside the bundle")
            contents = json.loads(read_regular(path, MAX_DESCRIPTION_BYTES).decode("utf-8"))
            if not isinstance(contents, dict):
                raise ValueError("not a JSON object")
            # Halves of surrogate pairs can be escaped in JSON, but not be written again.
            json.dumps(contents, ensure_ascii=False).encode("utf-8")
        except (OSError, ValueError, RecursionError, RuntimeError) as error:
            reason = getattr(error, "strerror", None) or error
            raise ModelError(f"{path} cannot be read: {reason}", FIX_BUNDLE) from error
        return cls(folder, contents)

    def error(self, what: str) -> ModelError:
        """Return the error to raise for a value that cannot be used."""
        return ModelError(f"{self.folder / DESCRIPTION_FILE}: {what}", FIX_BUNDLE)

    def require_format(self, supported: int) -> None:
        """Check the version of the format."""
        found = self._contents.get("format")
        if type(found) is not int or found != supported:
            raise self.error(f"format {_short(found)} is not supported, only {supported} is")

    def text(self, key: str, default: str | None = None) -> str:
        """Return a string; without a default it is required and must not be empty."""
        value = self._contents.get(key, default)
        if not isinstance(value, str) or (default is None and not value):
            raise self.error(f"{key} is {_short(value)}, not text")
        if len(value) > MAX_TEXT:
            raise self.error(f"{key} has more than {MAX_TEXT:,} characters")
        return value

    def number(self, key: str, low: int = 1, high: int = 1 << 16) -> int:
        """Return an integer between two bounds, both included."""
        return self._bounded(key, self._contents.get(key), low, high)

    def mapping(self, key: str, required: bool = False) -> Mapping[str, Any]:
        """Return a JSON object; empty if it is missing and not required."""
        value = self._contents.get(key, None if required else {})
        if not isinstance(value, dict):
            raise self.error(f"{key} is {_short(value)}, not an object")
        return MappingProxyType(value)

    def front_end(self) -> Mapping[str, Any]:
        """Return the front end's settings, their sizes within bounds."""
        entry = self.mapping("front_end", required=True)
        for key, high in _LARGEST_FRONT_END.items():
            low = 0 if key == "lifter" else 1
            self._bounded(f"front_end: {key}", entry.get(key, 1), low, high)
        for key, largest in _FRONT_END_NUMBERS.items():
            value = entry.get(key)
            if value is not None and not (_is_number(value) and abs(value) <= largest):
                raise self.error(f"front_end: {key} is {_short(value)}, not a number")
        kinds: tuple[tuple[str, type, str], ...] = (
            ("kind", str, "text"), ("window", str, "text"),
            ("append_energy", bool, "true or false"), ("normalisation", dict, "an object"),
        )  # fmt: skip
        for key, kind, what in kinds:
            found: Any = entry.get(key, kind())
            if found is None and kind is dict:
                continue
            if not isinstance(found, kind) or (kind is str and len(str(found)) > _MAX_WORD):
                raise self.error(f"front_end: {key} is {_short(found)}, not {what}")
        return entry

    def decoding(self) -> Mapping[str, Any]:
        """Return the decoder's defaults; unknown names, of later versions, are kept."""
        entry = self.mapping("decoding")
        try:
            DecodingSettings.from_mapping(entry)
        except ModelError as error:
            raise self.error(f"decoding: {error.what[:1].lower()}{error.what[1:]}") from error
        return entry

    def sums(self) -> Mapping[str, str]:
        """Return the SHA-256 of files by name; empty in bundles without."""
        entry = self.mapping("sha256")
        if len(entry) > _MAX_FILES:
            raise self.error(f"sha256 has {len(entry)} entries")
        for name, digest in entry.items():
            if not isinstance(digest, str) or not _SHA256.fullmatch(digest):
                raise self.error(f"sha256: {_short(name)} has {_short(digest)}, not a SHA-256")
        return entry

    def n_phonemes(self) -> int:
        """Return the number of phoneme outputs; 0 if the network has none."""
        if "n_phonemes" not in self._contents:
            return 0
        return self.number("n_phonemes", low=2, high=self.number("n_labels", low=4) - 2)

    def leaves(self) -> Path | None:
        """Return the path of the leaves, which fit the network; None if it has none."""
        path = self.optional_file("leaves")
        if path is not None:
            try:
                n_leaves = len(read_leaves(path))
            except ModelError as error:
                raise self.error(f"leaves: {error.what}") from error
            if n_leaves + 1 != self.n_phonemes():
                raise self.error(f"leaves: {n_leaves} of them, n_phonemes is {self.n_phonemes()}")
        return path

    def networks(self) -> Mapping[str, Path]:
        """Return the network files by kind; there is at least one."""
        entries = self.mapping("networks", required=True)
        if not entries:
            raise self.error("networks is empty")
        if len(entries) > _MAX_NETWORKS:
            raise self.error(f"networks has {len(entries)} entries")
        for kind in entries:
            if kind.split("-")[0] not in _BACKENDS:
                raise self.error(f"unknown kind of network {_short(kind)}")
        return MappingProxyType(
            {
                kind: self._path(f"networks: {kind}", name, kind.split("-")[0] == "coreml")
                for kind, name in entries.items()
            }
        )

    def file(self, key: str) -> Path:
        """Return the path of a file in the bundle."""
        return self._path(key, self._contents.get(key))

    def optional_file(self, key: str) -> Path | None:
        """Return the path of a file in the bundle; None if it is not named."""
        name = self._contents.get(key)
        return None if name is None else self._path(key, name)

    def _bounded(self, key: str, value: Any, low: int, high: int) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise self.error(f"{key} is {_short(value)}, not a number from {low} to {high}")
        return value

    def _path(self, key: str, name: Any, may_be_package: bool = False) -> Path:
        if not isinstance(name, str) or not name or "\0" in name:
            raise self.error(f"{key} is {_short(name)}, not a file name")
        path = self.folder / name
        try:
            resolved = path.resolve()
            exists = path.exists()
        # A loop of links, a name that is too long, half of a surrogate pair.
        except (OSError, RuntimeError, ValueError) as error:
            raise self.error(f"{key}: {name[:80]!r} is not a valid file name") from error
        if self._root not in resolved.parents:
            raise self.error(f"{key}: {name} is outside the bundle")
        if not exists:
            raise self.error(f"{key}: no file {name}")
        if may_be_package and resolved.is_dir() and resolved.suffix in _PACKAGES:
            for found, file in enumerate(walk_files(resolved), 1):
                if found > _MAX_FILES:
                    raise self.error(f"{key}: {resolved.name} has more than {_MAX_FILES:,} files")
                self._require_file(key, file)
        else:
            self._require_file(key, path)
        return path

    def _require_file(self, key: str, path: Path) -> None:
        """Check that a path is a regular file within the bundle, or a link to one."""
        try:
            inside = self._root in path.resolve().parents
            regular = stat.S_ISREG(path.stat().st_mode)
        except (OSError, RuntimeError) as error:
            raise self.error(f"{key}: {path.name} cannot be read") from error
        if not inside:
            raise self.error(f"{key}: {path.name} is outside the bundle")
        if not regular:
            raise self.error(f"{key}: {path.name} is not a regular file")


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _short(value: Any) -> str:
    """Return a value for an error: JSON can hold a megabyte, or a thousand brackets."""
    return reprlib.repr(value)
