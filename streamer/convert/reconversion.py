"""Converts a bundle again: new networks, everything else as it is."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Callable

from streamer.acoustic.weights import Weights
from streamer.bundle import DESCRIPTION_FILE, Bundle, read_bundle, write_bundle
from streamer.bundle.copying import copy_bundle
from streamer.bundle.sums import check_sums
from streamer.convert.networks import write_networks
from streamer.convert.options import check_steps
from streamer.convert.readers import read_network
from streamer.convert.staging import link_or_copy, staged_folder
from streamer.untrusted.regular_files import walk_files

#: Networks that depend on the number of steps and are not Core ML's, by format and precision.
_STATIC = {"onnx": ("onnx", "fp32"), "onnx-int8": ("onnx", "int8")}


def is_bundle(path: Path) -> bool:
    """Whether a path is a bundle's folder."""
    return path.is_dir() and (path / DESCRIPTION_FILE).is_file()


def read_bundle_weights(bundle: Bundle) -> Weights:
    """Read the exact weights of a bundle; version, licence and so on are those of the bundle.

    Raises:
        ModelError: it has no network in float32.
        ConversionError: the network cannot be read.
    """
    kind = "numpy" if "numpy" in bundle.networks else "onnx"
    weights = read_network(bundle.choose_network(kind)[1])
    return dataclasses.replace(weights, description={**weights.description, **described(bundle)})


def described(bundle: Bundle) -> dict[str, str]:
    """Return what a network's own description repeats of its bundle; empty entries are left out."""
    about = {
        "author": bundle.author,
        "version": bundle.version,
        "licence": bundle.licence,
        "description": bundle.summary,
    }
    return {key: value for key, value in about.items() if value}


def convert_bundle_again(
    source: Path,
    folder: Path,
    changes: Mapping[str, str],
    *,
    steps: int | None,
    formats: Sequence[str],
    shapes: Sequence[str],
    precision: str | None,
    lengths: bool,
    flexible: bool = False,
    more_steps: Sequence[int] = (),
    progress: Callable[[str], None],
) -> Bundle:
    """Write networks of a bundle in other formats or shapes, into its folder or another one.

    All that is not written anew stays: other networks, language models, lexicon, decoding
    settings, further files, and their SHA-256. With another number of steps all networks of
    fixed steps are written anew, those of Core ML in the shapes given only.

    Args:
        source: folder of the bundle.
        folder: folder of the result; may be ``source``.
        changes: other values of `Bundle`'s name, licence and the like.
        steps: steps in a window; the bundle's own number if None.
        formats: see `write_networks`.
        shapes: see `write_networks`.
        precision: see `write_networks`.
        lengths: see `write_networks`.
        flexible: see `write_networks`.
        more_steps: see `write_networks`.
        progress: called with a line about each step.

    Raises:
        ConversionError: the exact network cannot be read, or not be written in a format.
        ModelError: the bundle is damaged, or has no network in float32.
    """
    bundle = read_bundle(source)
    check_sums(bundle, bundle.files())
    bundle = dataclasses.replace(bundle, **changes)  # type: ignore[arg-type]
    n_steps = bundle.n_steps if steps is None else steps
    for number in (n_steps, *more_steps):
        check_steps(number)
    progress(f"reading {source}")
    weights = read_bundle_weights(bundle)
    forms = [(form, precision) for form in formats]
    kept = dict(bundle.networks)
    if n_steps != bundle.n_steps:
        again = [_STATIC[kind] for kind in kept if kind in _STATIC]
        forms = [*(form for form in again if form[0] not in formats), *forms]
        kept = {kind: path for kind, path in kept.items() if path.suffix == ".safetensors"}
    with staged_folder(folder) as staged:
        in_place = folder.resolve() == source.resolve()
        if not in_place:
            progress(f"copying {source}")
            copy_bundle(source, staged)
        written: dict[str, Path] = {}
        for form, stored in forms:
            options = (shapes, stored, progress, lengths, flexible, more_steps)
            written.update(write_networks(weights, staged, bundle.name, n_steps, [form], *options))
        if in_place:
            _link_missing(bundle, staged)
        new = _moved(dataclasses.replace(bundle, n_steps=n_steps, networks=kept), staged)
        # A network of an older name may have had the file that is written now.
        replaced = set(written.values())
        left = {kind: path for kind, path in new.networks.items() if path not in replaced}
        new = dataclasses.replace(new, networks={**left, **written})
        for path in _moved(bundle, staged).networks.values():
            if path not in new.networks.values():
                _remove(path)
        write_bundle(new).front_end()
    converted = read_bundle(folder)
    for path in _moved(bundle, folder).networks.values():
        if path not in converted.networks.values():
            _remove(path)
    return converted


def _moved(bundle: Bundle, folder: Path) -> Bundle:
    """Return a bundle with its paths in another folder."""

    def there(path: Path) -> Path:
        return folder / path.relative_to(bundle.folder)

    paths = {
        entry.name: there(value)
        for entry in dataclasses.fields(bundle)
        if isinstance(value := getattr(bundle, entry.name), Path)
    }
    networks = {kind: there(path) for kind, path in bundle.networks.items()}
    return dataclasses.replace(bundle, **{**paths, "networks": networks})  # type: ignore[arg-type]


def _link_missing(bundle: Bundle, folder: Path) -> None:
    """Make those files of a bundle available in a second folder that it does not have yet."""
    for path in bundle.files():
        if (folder / path.relative_to(bundle.folder)).exists():
            continue
        for file in walk_files(path) if path.is_dir() else [path]:
            target = folder / file.relative_to(bundle.folder)
            target.parent.mkdir(parents=True, exist_ok=True)
            link_or_copy(file, target)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
