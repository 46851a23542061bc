"""Bundles: a folder with everything that one model needs, described by ``model.json``."""

from streamer.bundle.format import FORMAT, Bundle, read_bundle, write_bundle
from streamer.bundle.location import (
    BUNDLED,
    MODELS_VARIABLE,
    bundled_folder,
    find_bundle,
    load_bundle,
    models_folder,
)
from streamer.bundle.validation import DESCRIPTION_FILE

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
