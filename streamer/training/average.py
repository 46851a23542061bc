"""The mean of several checkpoints' weights, as a checkpoint.

    python -m streamer.training.average mean.pt first.pt second.pt third.pt

Trainings that go on from the same weights for a short while, each in its own way, stay near enough
to each other that the mean of their weights is a network too, and a better one than any of them
("model soups", Wortsman et al., 2022). The result can be exported and started from, not resumed.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from streamer.errors import StreamerError
from streamer.training.network.checkpoint import (
    SLIM_ENTRIES,
    averaged_state,
    read_checkpoint,
    write_checkpoint,
)


def average_checkpoints(paths: Sequence[Path], output: Path) -> None:
    """Write the mean of the averaged weights of checkpoints.

    Weights that not all of them have, as the head of a teacher, are left out. All other entries
    are those of the first checkpoint.

    Args:
        paths: checkpoints of networks of one shape, at least one.
        output: the checkpoint to write; replaced if it exists.

    Raises:
        StreamerError: a checkpoint cannot be read, the networks differ in their shapes, or the
            result cannot be written.
    """
    first = read_checkpoint(paths[0])
    mean = averaged_state(first)
    for path in paths[1:]:
        other = averaged_state(read_checkpoint(path))
        mean = {name: value for name, value in mean.items() if name in other}
        for name, value in mean.items():
            if value.shape != other[name].shape:
                raise StreamerError(
                    f"{path}: {name} is not as in {paths[0]}", "average networks of one shape"
                )
            if value.is_floating_point():
                value += other[name]
    for value in mean.values():
        if value.is_floating_point():
            value /= len(paths)
    kept = {key: first[key] for key in SLIM_ENTRIES}
    if not any(name.startswith("teacher_heads") for name in mean):
        kept["shape"] = {**kept["shape"], "n_teacher": 0}
    write_checkpoint({**kept, "average": mean}, output)


def main(words: Sequence[str] | None = None) -> None:
    """Average the checkpoints of the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("output", type=Path, help="checkpoint to write")
    parser.add_argument("checkpoints", nargs="+", type=Path)
    arguments = parser.parse_args(words)
    average_checkpoints(arguments.checkpoints, arguments.output)


if __name__ == "__main__":
    main()
