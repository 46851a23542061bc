"""Data-parallel training: processes that each compute a share of every batch.

On a CPU with other load this is much faster than threads, which wait for each other thousands
of times a step; processes wait once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


def configure_threads(count: int) -> None:
    """Set the threads of this process, and flush denormal gradients, which are 100 times slower."""
    torch.set_num_threads(max(1, count))
    torch.set_flush_denormal(True)


@dataclass(frozen=True)
class Workers:
    """This process among those that train together.

    Attributes:
        rank: its number, from 0; rank 0 logs, evaluates and saves.
        count: number of processes.
    """

    rank: int = 0
    count: int = 1

    def add_up(self, tensors: Sequence[Tensor]) -> list[Tensor]:
        """Return the sum of each tensor over all processes."""
        if self.count == 1:
            return list(tensors)
        flat = torch.cat([tensor.reshape(-1) for tensor in tensors])
        torch.distributed.all_reduce(flat)
        parts = flat.split([tensor.numel() for tensor in tensors])
        return [part.view_as(tensor) for part, tensor in zip(parts, tensors)]


#: A single process.
ALONE = Workers()


def join_workers(rank: int, count: int, meeting_point: str) -> Workers:
    """Join the process group; blocks until all processes have joined.

    Args:
        rank: number of this process, from 0.
        count: number of processes.
        meeting_point: path of a file that does not exist yet, the same for all.
    """
    if count > 1:
        torch.distributed.init_process_group(
            "gloo", init_method=f"file://{meeting_point}", rank=rank, world_size=count
        )
    return Workers(rank, count)
