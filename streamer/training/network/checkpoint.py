"""Checkpoint files of a training."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from streamer.errors import StreamerError

#: Version of the checkpoint's layout.
FORMAT = 2
#: Entries of a slim checkpoint, beside the averaged weights.
SLIM_ENTRIES = ("format", "shape", "front_end", "letters", "settings", "progress", "hours")


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Read a checkpoint.

    Raises:
        StreamerError: it is missing, damaged or of another version.
    """
    if not path.is_file():
        raise StreamerError(f"{path}: no such checkpoint", "check the name, or train first")
    try:
        checkpoint: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        known = checkpoint["format"] == FORMAT
    except Exception as error:
        raise StreamerError(
            f"{path}: not a checkpoint ({type(error).__name__})",
            "name a .pt file of streamer train",
        ) from error
    if not known:
        raise StreamerError(f"{path}: a checkpoint of another version", "train it again")
    return checkpoint


def write_checkpoint(checkpoint: Mapping[str, Any], path: Path) -> None:
    """Write a checkpoint; the file is complete or absent.

    Raises:
        StreamerError: it cannot be written.
    """
    part = path.with_name(path.name + ".part")
    try:
        torch.save(dict(checkpoint), part)
        part.replace(path)
    except (OSError, RuntimeError) as error:
        raise StreamerError(f"cannot write {path}: {error}", "choose another place") from error


def write_slim_checkpoint(checkpoint_path: Path, path: Path) -> None:
    """Write a checkpoint to start from (``--from``), an eighth of the size.

    It holds the averaged weights in float16, all heads included, and nothing to resume with.

    Args:
        checkpoint_path: checkpoint of `streamer train`.
        path: the file to write; replaced if it exists.

    Raises:
        StreamerError: the checkpoint cannot be read or the file cannot be written.
    """
    checkpoint = read_checkpoint(checkpoint_path)
    kept = {key: checkpoint[key] for key in SLIM_ENTRIES}
    kept["average"] = {
        name: value.half() if value.is_floating_point() else value
        for name, value in checkpoint["average"].items()
    }
    write_checkpoint(kept, path)


def averaged_state(checkpoint: Mapping[str, Any]) -> dict[str, Tensor]:
    """Return the averaged weights of a checkpoint in float32; a slim one has them in float16."""
    return {
        name: value.float() if value.is_floating_point() else value
        for name, value in checkpoint["average"].items()
    }
