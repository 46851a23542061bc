"""Reads a bundle's ``model.json`` and checks every value that is taken from it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from streamer.errors import ModelError

#: The file that makes a folder a bundle.
DESCRIPTION_FILE = "model.json"
#: A description takes a page or two; anything longer is not one.
MAX_DESCRIPTION_BYTES = 1 << 20
#: What to do about a description that cannot be used.
FIX_BUNDLE = f"fix {DESCRIPTION_FILE}, or convert or install the model again"

#: Runtimes that a network can be written for.
_BACKENDS = ("coreml", "onnx", "numpy")

#: Upper bounds for a front end's sizes, see `FrontEnd`. Matrices of these sizes are allocated.
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
            with path.open("rb") as file:
                raw = file.read(MAX_DESCRIPTION_BYTES + 1)
            if len(raw) > MAX_DESCRIPTION_BYTES:
                raise ValueError(f"longer than {MAX_DESCRIPTION_BYTES} bytes")
            contents = json.loads(raw.decode("utf-8"))
            if not isinstance(contents, dict):
                raise ValueError("not a JSON object")
        except (OSError, ValueError, RecursionError) as error:
            raise ModelError(f"{path} cannot be read: {error}", FIX_BUNDLE) from error
        return cls(folder, contents)

    def error(self, what: str) -> ModelError:
        """Return the error to raise for a value that cannot be used."""
        return ModelError(f"{self.folder / DESCRIPTION_FILE}: {what}", FIX_BUNDLE)

    def require_format(self, supported: int) -> None:
        """Check the version of the format."""
        found = self._contents.get("format")
        if found != supported:
            raise self.error(f"format {found!r} is not supported, only {supported} is")

    def text(self, key: str, default: str | None = None) -> str:
        """Return a string; without a default it is required and must not be empty."""
        value = self._contents.get(key, default)
        if not isinstance(value, str) or (default is None and not value):
            raise self.error(f"{key} is {value!r}, not text")
        return value

    def number(self, key: str, low: int = 1, high: int = 1 << 16) -> int:
        """Return an integer between two bounds, both included."""
        return self._bounded(key, self._contents.get(key), low, high)

    def mapping(self, key: str, required: bool = False) -> Mapping[str, Any]:
        """Return a JSON object; empty if it is missing and not required."""
        value = self._contents.get(key, None if required else {})
        if not isinstance(value, dict):
            raise self.error(f"{key} is {value!r}, not an object")
        return MappingProxyType(value)

    def front_end(self) -> Mapping[str, Any]:
        """Return the front end's settings, their sizes within bounds."""
        entry = self.mapping("front_end", required=True)
        for key, high in _LARGEST_FRONT_END.items():
            self._bounded(f"front_end: {key}", entry.get(key, 1), 1, high)
        return entry

    def n_phonemes(self) -> int:
        """Return the number of phoneme outputs; 0 if the network has none."""
        if "n_phonemes" not in self._contents:
            return 0
        return self.number("n_phonemes", low=2, high=self.number("n_labels", low=4) - 2)

    def networks(self) -> Mapping[str, Path]:
        """Return the network files by kind; there is at least one."""
        entries = self.mapping("networks", required=True)
        if not entries:
            raise self.error("networks is empty")
        for kind in entries:
            if kind.split("-")[0] not in _BACKENDS:
                raise self.error(f"unknown kind of network {kind!r}")
        return MappingProxyType(
            {kind: self._path(f"networks: {kind}", name) for kind, name in entries.items()}
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
            raise self.error(f"{key} is {value!r}, not a number from {low} to {high}")
        return value

    def _path(self, key: str, name: Any) -> Path:
        if not isinstance(name, str) or not name or "\0" in name:
            raise self.error(f"{key} is {name!r}, not a file name")
        path = self.folder / name
        try:
            resolved = path.resolve()
            exists = path.exists()
        except (OSError, RuntimeError) as error:  # a loop of links, or a name that is too long
            raise self.error(f"{key}: {name[:80]!r} is not a valid file name") from error
        if self._root not in resolved.parents:
            raise self.error(f"{key}: {name} is outside the bundle")
        if not exists:
            raise self.error(f"{key}: no file {name}")
        return path
