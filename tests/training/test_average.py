"""The mean of checkpoints, as far as the recipe's test does not show it."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("torch", exc_type=ImportError)

import torch

from streamer.errors import StreamerError
from streamer.training import average
from streamer.training.network.checkpoint import FORMAT, averaged_state, read_checkpoint
from streamer.training.network.training_network import NetworkShape, TrainingNetwork
from streamer.training.settings import default_front_end


def _checkpoint(path: Path, seed: int, n_hidden: int = 8, n_teacher: int = 0) -> Path:
    torch.manual_seed(seed)
    shape = NetworkShape(n_hidden=n_hidden, n_teacher=n_teacher)
    torch.save(
        {
            "format": FORMAT, "shape": shape.as_dict(), "letters": ["a"], "hours": 1.0,
            "front_end": default_front_end(), "settings": {}, "progress": {},
            "average": TrainingNetwork(shape).state_dict(), "network": {}, "optimisers": [],
        },
        path,
    )  # fmt: skip
    return path


def test_the_mean_leaves_out_what_only_some_have(tmp_path: Path) -> None:
    taught = _checkpoint(tmp_path / "1.pt", 1, n_teacher=2)
    plain = _checkpoint(tmp_path / "2.pt", 2)
    for order in ([taught, plain], [plain, taught]):
        average.main([str(tmp_path / "mean.pt"), *map(str, order)])
        mean = read_checkpoint(tmp_path / "mean.pt")
        network = TrainingNetwork(NetworkShape(**mean["shape"]))
        network.load_state_dict(averaged_state(mean))  # strict: nothing is missing or too much
        states = [read_checkpoint(path)["average"] for path in order]
        for name, value in network.state_dict().items():
            expected = (states[0][name] + states[1][name]) / 2
            torch.testing.assert_close(value, expected.to(value.dtype))


def test_networks_of_different_widths_are_refused(tmp_path: Path) -> None:
    paths = [_checkpoint(tmp_path / "1.pt", 1), _checkpoint(tmp_path / "2.pt", 2, n_hidden=16)]
    with pytest.raises(StreamerError, match="one shape"):
        average.average_checkpoints(paths, tmp_path / "mean.pt")
    assert not (tmp_path / "mean.pt").exists()
