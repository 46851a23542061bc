"""Number format of matrix products: bfloat16 if the processor has instructions for it.

Without them PyTorch emulates bfloat16, a hundred times slower than float32, and some of its
operations do not support it.
"""

from __future__ import annotations

import functools
from pathlib import Path

import torch


@functools.cache
def cpu_flags() -> tuple[str, ...]:
    """Return the processor's flags of ``/proc/cpuinfo``; () if there is no such file."""
    try:
        cpu = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return ()
    return tuple(cpu.partition("\nflags")[2].partition("\n")[0].split())


def matmul_dtype(device: str = "cpu") -> torch.dtype:
    """Return the fastest format of matrix products on a device, bfloat16 or float32.

    Args:
        device: type of a PyTorch device.
    """
    if device == "cuda":
        supported = torch.cuda.is_bf16_supported()
    else:
        supported = device == "cpu" and "avx512_bf16" in cpu_flags()
    return torch.bfloat16 if supported else torch.float32
