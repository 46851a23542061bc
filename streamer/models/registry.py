"""The registry of installed models: a folder of bundles, each complete or absent."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Callable, Protocol

from streamer.bundle import (
    BUNDLED,
    DESCRIPTION_FILE,
    Bundle,
    bundled_folder,
    load_bundle,
    models_folder,
    write_bundle,
)
from streamer.bundle.copying import copy_bundle
from streamer.bundle.sums import check_sums
from streamer.bundle.validation import Description
from streamer.errors import ModelError, UsageError
from streamer.models.catalogue import KNOWN, KnownModel, RemoteFile
from streamer.models.download import ProgressCallback, download
from streamer.private_files import make_private_folder, write_private_file
from streamer.untrusted.locked_folders import locked_folder, sweep, work_folder
from streamer.untrusted.regular_files import read_regular

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
#: Names with another meaning.
_RESERVED = {"english", "downloads"}
#: Beginnings of the names of folders that are removed in the end.
_NEW, _REMOVED = ".new-", ".removed-"
#: A sum takes a hundred bytes.
_MAX_SUMS_BYTES = 1 << 20


class Converter(Protocol):
    """The arguments of `streamer.convert.convert_to_bundle` that are used here."""

    def __call__(
        self,
        network: Path,
        folder: Path,
        *,
        name: str,
        scorer: Path | None,
        alphabet: Path | None,
        licence: str,
        shapes: Sequence[str] = (),
    ) -> Bundle:
        """Convert a network into a bundle in a folder."""
        ...


@dataclass(frozen=True)
class Precision:
    """Precision of the ONNX network that is used of an installed model.

    Attributes:
        name: ``fp32`` or ``int8``; if empty, int8 for large networks where the letters agree with
            float32, see `streamer.convert.int8_default`.
        recordings: clips to compare the two on; ten made of the bundled recording if empty.
        report: called with a line about the agreement.
    """

    name: str = ""
    recordings: Sequence[Path] = ()
    report: Callable[[str], None] = lambda what: None

    def __post_init__(self) -> None:
        if self.name not in ("", "fp32", "int8"):
            raise UsageError(f"unknown precision {self.name!r}", "use fp32 or int8")
        for file in self.recordings:
            if not file.exists():
                raise ModelError(f"{file}: no such file", "check the path")

    def apply(self, bundle: Bundle) -> None:
        """Add the network in int8 to a bundle that was just converted, if it is wanted."""
        from streamer.convert.int8_default import LARGE_UNITS, add_int8

        if "onnx" not in bundle.networks or self.name == "fp32":
            return
        if self.name == "int8" or bundle.n_hidden >= LARGE_UNITS:
            add_int8(bundle, self.recordings, self.name == "int8", self.report)


@dataclass(frozen=True)
class InstalledModel:
    """An installed bundle.

    Attributes:
        name: its name for ``--model``.
        folder: its folder.
        size: size of all its files in bytes.
        licence: from its ``model.json``.
    """

    name: str
    folder: Path
    size: int
    licence: str


class ModelStore:
    """The installed models of this user.

    Args:
        root: the folder of all models; `models_folder` if None.
        convert: converts files to bundles; None for `streamer.convert.convert_to_bundle`.
    """

    def __init__(self, root: Path | None = None, convert: Converter | None = None) -> None:
        self.root = models_folder() if root is None else root
        self._convert = convert

    def installed(self) -> list[InstalledModel]:
        """Return the installed models, sorted by name."""
        models = []
        for file in sorted(self.root.glob(f"*/{DESCRIPTION_FILE}")):
            folder = file.parent
            if not _NAME.fullmatch(folder.name):
                continue
            try:
                licence = Description.read(folder).text("licence", "")
            except ModelError:
                licence = "unreadable: remove it and pull it again"
            size = sum(f.lstat().st_size for f in folder.rglob("*") if f.is_file())
            models.append(InstalledModel(folder.name, folder, size, licence))
        return models

    def path(self, name: str) -> Path:
        """Return the folder of an installed model, or of the one in the package.

        Raises:
            ModelError: there is no such model.
        """
        if name == BUNDLED:
            return bundled_folder()
        folder = self.root / self._checked(name)
        if not (folder / DESCRIPTION_FILE).is_file():
            raise ModelError(
                f"no model {name!r} is installed",
                f"install it with: streamer models pull {name}"
                if name in KNOWN
                else "list the installed models with: streamer models list",
            )
        return folder

    def remove(self, name: str) -> None:
        """Remove an installed model.

        Raises:
            ModelError: there is no such model.
        """
        if name == BUNDLED:
            raise ModelError(f"{name} is part of streamer", "uninstall streamer to remove it")
        folder = self.path(name)
        # Renamed first, so that an interruption leaves no partial model under this name.
        with work_folder(self.root, _REMOVED) as away:
            os.replace(folder, away / "model")

    def pull(
        self,
        model: KnownModel,
        progress: Callable[[str], ProgressCallback],
        waiting: Callable[[], None] = lambda: None,
        shapes: Sequence[str] = (),
        precision: Precision = Precision(),
    ) -> Path:
        """Download, check, convert and install a model; return its folder.

        Of several processes that pull the same model, one does so and the others wait for it.

        Args:
            model: the model.
            progress: called with each file's name; returns the callback for its download.
            waiting: called once before waiting for another process.
            shapes: shapes of the Core ML networks to write; the default one if empty.
            precision: of the ONNX network that is used.

        Raises:
            ModelError: the download or the conversion failed. Nothing is installed;
                a partial download is kept and continued next time.
        """
        self._must_be_free(model.name)
        make_private_folder(self.root)
        with locked_folder(self._downloads / model.name, waiting) as downloads:
            if (self.root / model.name).exists():
                # Installed meanwhile, by the process that this one waited for.
                shutil.rmtree(downloads, ignore_errors=True)
                return self.root / model.name
            self._sweep_downloads(model.name)
            return self._pull(model, progress, downloads, shapes, precision)

    def _pull(
        self,
        model: KnownModel,
        progress: Callable[[str], ProgressCallback],
        downloads: Path,
        shapes: Sequence[str],
        precision: Precision,
    ) -> Path:
        sums = self._read_sums()
        fetched: dict[str, Path] = {}
        seen: dict[str, str] = {}
        for role in ("network", "scorer", "alphabet"):
            file: RemoteFile | None = getattr(model, role)
            if file is None:
                continue
            trusted = replace(file, sha256=file.sha256 or sums.get(file.url))
            result = download(trusted, downloads / role, progress(file.file_name))
            fetched[role] = result.path
            seen[file.url] = result.sha256
        try:
            folder = self._install(
                fetched["network"],
                fetched.get("scorer"),
                fetched.get("alphabet"),
                model.name,
                model.licence,
                shapes,
                precision,
                keep_sources=False,
            )
        except ModelError:
            # Files that cannot be converted are not kept: the next try downloads them again.
            shutil.rmtree(downloads, ignore_errors=True)
            raise
        self._write_sums({**self._read_sums(), **seen})
        shutil.rmtree(downloads, ignore_errors=True)
        return folder

    @property
    def _downloads(self) -> Path:
        return self.root / "downloads"

    def _sweep_downloads(self, wanted: str) -> None:
        """Remove downloads of models that are installed by now; others are continued."""
        for folder in self._downloads.iterdir():
            if folder.name != wanted and (self.root / folder.name).exists():
                sweep(self._downloads, folder.name)

    def is_trusted(self, file: RemoteFile) -> bool:
        """Whether a checksum is known to check the file against."""
        return bool(file.sha256 or file.md5) or file.url in self._read_sums()

    def import_files(
        self,
        network: Path,
        name: str,
        scorer: Path | None = None,
        alphabet: Path | None = None,
        licence: str = "unknown",
        shapes: Sequence[str] = (),
        precision: Precision = Precision(),
    ) -> Path:
        """Install a model from local files or a bundle's folder; return its folder.

        A bundle is installed as it is, unless shapes are given; its ONNX networks stay.

        Raises:
            ModelError: the files cannot be used; nothing is installed.
        """
        self._must_be_free(name)
        for file in (network, scorer, alphabet):
            if file is not None and not file.exists():
                raise ModelError(f"{file}: no such file", "check the path")
        if network.is_dir() and (precision.name or precision.recordings):
            raise ModelError(
                f"{network} is a bundle, which keeps its ONNX networks",
                "leave out --precision and --audio, or import the original network",
            )
        return self._install(
            network, scorer, alphabet, name, licence, shapes, precision, keep_sources=True
        )

    def _install(
        self,
        network: Path,
        scorer: Path | None,
        alphabet: Path | None,
        name: str,
        licence: str,
        shapes: Sequence[str],
        precision: Precision,
        keep_sources: bool,
    ) -> Path:
        make_private_folder(self.root)
        sweep(self.root, _REMOVED)
        with work_folder(self.root, _NEW) as work:
            folder = work / name
            is_bundle = network.is_dir() and os.path.lexists(network / DESCRIPTION_FILE)
            if is_bundle:
                load_bundle(network).front_end()  # before anything is copied
            if is_bundle and not shapes:
                copy_bundle(network, folder)
            else:
                folder.mkdir()
                convert = self._convert or _converter()
                convert(
                    network,
                    folder,
                    name="" if is_bundle else name,
                    scorer=scorer,
                    alphabet=alphabet,
                    licence="" if is_bundle else licence,
                    shapes=shapes,
                )
                if not is_bundle:
                    precision.apply(load_bundle(folder))
                if scorer is not None and not keep_sources:
                    scorer.unlink(missing_ok=True)  # the bundle has a copy: save a gigabyte
            bundle = load_bundle(folder)  # raises if the bundle is damaged
            check_sums(bundle, bundle.files())
            if not bundle.sums:
                write_bundle(bundle)  # an older one: from now on it has them
            try:
                os.replace(folder, self.root / name)
            except OSError:
                self._must_be_free(name)  # another process was faster
                raise
        return self.root / name

    def _checked(self, name: str) -> str:
        if not _NAME.fullmatch(name):
            raise ModelError(
                f"{name!r} is not a valid model name", "use a-z, 0-9, '.', '_' and '-'"
            )
        return name

    def _must_be_free(self, name: str) -> None:
        if self._checked(name) in _RESERVED:
            raise ModelError(f"the name {name!r} is reserved", "use another name")
        if (self.root / name).exists():
            raise ModelError(
                f"model {name!r} is already installed",
                f"remove it first with: streamer models remove {name}",
            )

    @property
    def _sums_file(self) -> Path:
        return self.root / "sums.json"

    def _read_sums(self) -> dict[str, str]:
        try:
            entries = json.loads(read_regular(self._sums_file, _MAX_SUMS_BYTES))
            if not isinstance(entries, dict):
                raise ValueError("not a JSON object")
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, RecursionError) as error:
            raise ModelError(
                f"{self._sums_file} cannot be read", "fix or remove it; it holds SHA-256 sums"
            ) from error
        return {str(url): str(digest) for url, digest in entries.items()}

    def _write_sums(self, sums: dict[str, str]) -> None:
        text = json.dumps(sums, indent=2, sort_keys=True)
        write_private_file(self._sums_file, text.encode("utf-8"))


def _converter() -> Converter:
    # Imported on first use: the recogniser imports this package too, and need not wait for it.
    from streamer.convert import convert_to_bundle

    return convert_to_bundle
