"""Running average of a network's weights."""

from __future__ import annotations

import torch
from torch import nn


class WeightAverage:
    """Exponential moving average of weights, which is more accurate than the last weights.

    Args:
        network: whose weights are averaged.
        decay: share of the average kept at each step; less in the first steps.

    Attributes:
        state: the averaged weights, as of ``state_dict``.
        steps: updates so far.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.decay = decay
        self.steps = 0
        self.state = {name: value.clone() for name, value in network.state_dict().items()}

    @torch.no_grad()
    def update(self, network: nn.Module) -> None:
        """Add the weights after one more step."""
        self.steps += 1
        keep = min(self.decay, (1 + self.steps) / (10 + self.steps))
        for name, value in network.state_dict().items():
            mine = self.state[name]
            if mine.is_floating_point():
                mine.lerp_(value, 1 - keep)
            else:
                mine.copy_(value)
