"""Core ML networks that are made once on this machine, with another number of steps.

A network of fixed steps per number of steps would double what a bundle has to hold. Writing one
takes seconds; it is kept in the user's cache, a few of them.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from streamer.acoustic.contract import function_of_steps
from streamer.acoustic.coreml_cache import cache_folder, content_key
from streamer.bundle import Bundle
from streamer.private_files import (
    UNFINISHED,
    make_private_folder,
    mark_used,
    prune_cache,
)

#: Networks kept, and their size together; those not used for longest are removed.
MAX_NETWORKS = 8
MAX_BYTES = 1 << 30


def network_of_steps(
    bundle: Bundle, kind: str, path: Path, n_steps: int, cache: Path | None = None
) -> Path:
    """Return a Core ML network of a bundle with another number of steps.

    One that has a function for this number is returned as it is.

    Args:
        bundle: the bundle, which has the weights in float32, too.
        kind: kind of the network; one that does not name its shape gives an unrolled one.
        path: its file, with the metadata that we write.
        n_steps: steps in a window.
        cache: folder for such networks; the user's cache if None.

    Raises:
        ModelError: the bundle has no weights in float32, or the user no home.
        ConversionError: the network cannot be written.
    """
    from streamer.convert.coreml import open_model, write_coreml
    from streamer.convert.options import DEFAULT_COREML_PRECISION, PRECISIONS, SHAPES
    from streamer.convert.reconversion import read_bundle_weights

    cache = cache or cache_folder("networks", f"a network of {n_steps} steps")
    made = cache / f"{content_key(path)}-{n_steps}.mlpackage"
    if made.is_dir():
        mark_used(made)
        return made
    file = open_model(path)
    if function_of_steps(n_steps) in file.functions:
        return path
    metadata = file.metadata
    precision = metadata.get("streamer.precision", "")
    shape = kind.partition("-")[2]
    make_private_folder(cache)
    with tempfile.TemporaryDirectory(dir=cache, suffix=UNFINISHED) as folder:
        written = write_coreml(
            read_bundle_weights(bundle),
            Path(folder) / made.name,
            n_steps,
            shape if shape in SHAPES else None,
            precision if precision in PRECISIONS else DEFAULT_COREML_PRECISION,
        )
        if not made.is_dir():  # another process may have been faster
            written.rename(made)
    prune_cache(cache, made.suffix, MAX_NETWORKS, MAX_BYTES)
    return made
