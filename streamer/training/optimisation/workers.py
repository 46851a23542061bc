"""Data-parallel training: processes that each compute a share of every batch.

On a CPU with other load this is much faster than threads, which wait for each other thousands
of times a step; processes wait once.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor


@contextmanager
def computing_threads(count: int) -> Iterator[None]:
    """Compute in so many threads, and flush denormal gradients, which are 100 times slower.

    Both are settings of the process, so they are put back: what the caller computes afterwards
    may need denormal numbers.
    """
    threads = torch.get_num_threads()
    flushed = sys.float_info.min / 2 == 0.0
    torch.set_num_threads(max(1, count))
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(flushed)
        torch.set_num_threads(threads)


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


@contextmanager
def joined_workers(rank: int, count: int, meeting_point: str) -> Iterator[Workers]:
    """Join the process group, which blocks until all processes have joined, and leave it again.

    A process that ends while it is in the group is sometimes aborted: Gloo's threads still run
    when their objects are destroyed.

    Args:
        rank: number of this process, from 0.
        count: number of processes.
        meeting_point: path of a file that does not exist yet, the same for all.
    """
    if count == 1:
        yield ALONE
        return
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{meeting_point}", rank=rank, world_size=count
    )
    try:
        yield Workers(rank, count)
    finally:
        torch.distributed.destroy_process_group()
