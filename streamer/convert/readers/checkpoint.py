"""Reads TensorFlow checkpoints; the only reader that needs TensorFlow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from streamer.acoustic.weights import Weights
from streamer.convert.imports import import_tensorflow
from streamer.convert.readers.graphdef import layers_by_name
from streamer.convert.readers.mapped_file import damaged_file_error
from streamer.errors import ConversionError, ModelError
from streamer.features import DeepSpeechFrontEnd


def is_checkpoint(path: Path) -> bool:
    """Return whether a path is a checkpoint: its folder, prefix or index file."""
    return checkpoint_prefix(path) is not None


def checkpoint_prefix(path: Path) -> Path | None:
    """Return the prefix of a checkpoint's files; None if there is no checkpoint."""
    if path.suffix == ".index" and path.is_file():
        return path.with_suffix("")
    if path.name and path.with_name(path.name + ".index").is_file():
        return path
    if path.is_dir():
        # The newest of several; the file "checkpoint" may contain absolute paths.
        found = sorted(path.glob("*.index"), key=lambda file: file.stat().st_mtime)
        return found[-1].with_suffix("") if found else None
    return None


def read_checkpoint(path: Path) -> Weights:
    """Read the weights of a checkpoint that DeepSpeech's training wrote.

    A checkpoint has no alphabet and no description of its features;
    DeepSpeech's default features are assumed.

    Args:
        path: folder, prefix or ``.index`` file.

    Raises:
        ConversionError: TensorFlow is not installed, there is no checkpoint,
            or it is of another network.
    """
    tensorflow = import_tensorflow()
    prefix = checkpoint_prefix(path)
    if prefix is None:
        raise ConversionError(f"{path} has no checkpoint", "give the folder of a checkpoint")
    try:
        reader: Any = tensorflow.train.load_checkpoint(str(prefix))
        names = {name: name for name in reader.get_variable_to_shape_map()}
        layers: dict[str, Any] = {
            ours: np.asarray(reader.get_tensor(name), np.float32)
            for ours, name in layers_by_name(names).items()
        }
        return Weights(layers, {"front_end": DeepSpeechFrontEnd().describe()})
    except ConversionError:
        raise
    # TensorFlow raises IndexError for truncated files, RuntimeError for damaged ones, and others.
    except Exception as error:
        reason = error.what if isinstance(error, ModelError) else error
        first = (str(reason).splitlines() or ["?"])[0]
        raise damaged_file_error(prefix, "a checkpoint of DeepSpeech", first) from error
