"""Finds bundles: the one in the package, installed ones, and folders given by the user."""

from __future__ import annotations

import os
from pathlib import Path

from streamer.bundle.format import Bundle, read_bundle
from streamer.bundle.validation import DESCRIPTION_FILE
from streamer.errors import ModelError

#: The model in the package, and the default everywhere.
BUNDLED = "english"
#: How to install a public model.
PULL_EXAMPLE = "streamer models pull deepspeech-0.9.3"
#: Environment variable with the folder of installed models, in place of the user's data folder.
MODELS_VARIABLE = "STREAMER_MODELS"


def models_folder() -> Path:
    """Return the folder of installed models, which has a folder for each, named after it."""
    chosen = os.environ.get(MODELS_VARIABLE)
    if chosen:
        return Path(os.path.expandvars(chosen)).expanduser()
    from platformdirs import user_data_path

    return user_data_path("streamer", appauthor=False) / "models"


def bundled_folder(name: str = BUNDLED) -> Path:
    """Return the folder of a model in the package, in a wheel or in a checkout."""
    package = Path(__file__).resolve().parents[1]
    inside = package / "assets" / name
    return inside if inside.is_dir() else package.parent / "assets" / name


def load_bundle(name_or_folder: str | Path = BUNDLED) -> Bundle:
    """Find a bundle and read its description.

    Args:
        name_or_folder: a bundle's folder, or the name of a model: ``english``,
            which is in the package, or an installed one.

    Raises:
        ModelError: there is no such model, or its bundle is damaged.
    """
    return read_bundle(find_bundle(name_or_folder))


def find_bundle(name_or_folder: str | Path) -> Path:
    """Return the folder of a bundle; see `load_bundle`."""
    text = os.fspath(name_or_folder)
    try:
        return _find(text, may_be_name=isinstance(name_or_folder, str))
    # An unknown user's home, a zero byte, a name that the file system does not allow.
    except (OSError, RuntimeError, ValueError) as error:
        raise ModelError(
            f"{text[:80]!r} is not a model", f"give a folder or a name such as {BUNDLED}"
        ) from error


def _find(text: str, may_be_name: bool) -> Path:
    if not text:
        raise ValueError("the name is empty")
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
            f"no model called {text}",
            f"use {BUNDLED}, a bundle's folder, or install one: {PULL_EXAMPLE}",
        )
    raise ModelError(f"no such folder: {text}", f"give a folder with a {DESCRIPTION_FILE}")
