"""Several processes that train one network together, each on its share of every batch.

On a CPU that others use as well this is much faster than threads: threads wait
for each other thousands of times a step, processes once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Workers:
    """This process among those that train together.

    Attributes:
        rank: its number, from 0; the first one speaks, judges and saves.
        count: how many there are.
    """

    rank: int = 0
    count: int = 1

    def add_up(self, tensors: Sequence[Tensor]) -> list[Tensor]:
        """Return the sums of each tensor over all processes."""
        if self.count == 1:
            return list(tensors)
        flat = torch.cat([tensor.reshape(-1) for tensor in tensors])
        torch.distributed.all_reduce(flat)
        parts = flat.split([tensor.numel() for tensor in tensors])
        return [part.view_as(tensor) for part, tensor in zip(parts, tensors)]


#: One process by itself.
ALONE = Workers()


def join_workers(rank: int, count: int, meeting_point: str) -> Workers:
    """Meet the other processes; waits until all are there.

    Args:
        rank: number of this one, from 0.
        count: how many there are.
        meeting_point: a file that does not exist yet, the same for all.
    """
    if count > 1:
        torch.distributed.init_process_group(
            "gloo", init_method=f"file://{meeting_point}", rank=rank, world_size=count
        )
    return Workers(rank, count)
