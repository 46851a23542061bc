"""Caches of Core ML models: compiling for the Neural Engine can take minutes."""

from __future__ import annotations

import contextlib
import hashlib
import platform
import shutil
import tempfile
from pathlib import Path
from typing import Callable

from streamer.acoustic.coreml_runtime import Runtime
from streamer.errors import ModelError
from streamer.private_files import (
    UNFINISHED,
    make_private_folder,
    mark_used,
    prune_cache,
    user_cache,
    write_private_file,
)

#: Compiled models kept, and their size together; those not used for longest are removed.
MAX_MODELS = 8
MAX_BYTES = 1 << 30
#: Files kept that say on which compute units a model was loaded; they are empty.
MAX_LOADED = 64
_LOADED = ".loaded"


#: Compiles a model into a ``.mlmodelc``, unless it is there, and loads it on compute units.
FirstLoad = Callable[[Path, Path, str], None]


def compiled_model(
    path: Path, compute_units: str, first_load: FirstLoad, cache: Path | None = None
) -> Path:
    """Return the compiled form of a model, compiling and loading it the first time.

    Args:
        path: ``.mlpackage`` or ``.mlmodel``; a ``.mlmodelc`` is returned as it is.
        compute_units: processors that Core ML may use, in coremltools' spelling.
        first_load: called once for each model and compute units.
        cache: folder for compiled models; the user's cache if None.

    Raises:
        ModelError: the user has no home, and so no cache.
    """
    if path.suffix == ".mlmodelc":
        return path
    folder = cache or cache_folder("compiled", "compiled models")
    compiled = folder / f"{content_key(path)}.mlmodelc"
    loaded = compiled.with_suffix(f".{compute_units}{_LOADED}")
    if not compiled.is_dir() or not loaded.is_file():
        make_private_folder(folder)
        first_load(path, compiled, compute_units)
        with contextlib.suppress(OSError):
            write_private_file(loaded, b"")
        prune_cache(folder, compiled.suffix, MAX_MODELS, MAX_BYTES)
        prune_cache(folder, _LOADED, MAX_LOADED)
    mark_used(compiled)
    return compiled


def cache_folder(name: str, what: str) -> Path:
    """Return a folder or file in the user's cache.

    Args:
        name: of the folder or file.
        what: what is kept there, for the error.

    Raises:
        ModelError: the user has no home, and so no cache.
    """
    folder = user_cache(name)
    if folder is None:
        raise ModelError(f"there is no cache for {what}", "set HOME to a folder of yours")
    return folder


def content_key(path: Path) -> str:
    """Return a name for a model's compiled form: a hash of its content and the macOS version.

    Args:
        path: a file or a package (a folder).
    """
    digest = hashlib.sha256(platform.mac_ver()[0].encode())
    files = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
    for file in files:
        name = file.relative_to(path).as_posix() if file != path else ""
        digest.update(f"{name}\0{file.stat().st_size}\0".encode())
        with file.open("rb") as opened:
            for block in iter(lambda: opened.read(1 << 20), b""):
                digest.update(block)
    return digest.hexdigest()[:32]


def compile_into(runtime: Runtime, path: Path, compiled: Path) -> None:
    """Compile a model, unless that is done, whole or not at all; the folder must exist."""
    if compiled.is_dir():
        return
    with tempfile.TemporaryDirectory(dir=compiled.parent, suffix=UNFINISHED) as folder:
        unfinished = runtime.compile_model(str(path), str(Path(folder) / "model.mlmodelc"))
        # Another process may have finished first; its result is the same.
        with contextlib.suppress(FileExistsError):
            if not compiled.is_dir():
                shutil.move(unfinished, str(compiled))
