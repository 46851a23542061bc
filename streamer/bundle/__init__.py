"""Bundles: a folder with everything that one model needs, described by ``model.json``."""

from streamer.bundle.format import (
    BUNDLED,
    DESCRIPTION_FILE,
    FORMAT,
    MODELS_VARIABLE,
    Bundle,
    bundled_folder,
    find_bundle,
    load_bundle,
    models_folder,
    read_bundle,
    write_bundle,
)

__all__ = [
    "BUNDLED",
    "DESCRIPTION_FILE",
    "FORMAT",
    "MODELS_VARIABLE",
    "Bundle",
    "bundled_folder",
    "find_bundle",
    "load_bundle",
    "models_folder",
    "read_bundle",
    "write_bundle",
]
