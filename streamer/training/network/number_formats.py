"""In which numbers matrices are multiplied: bfloat16 only where the processor does that itself.

Without such instructions PyTorch takes bfloat16 apart, a hundred times slower than float32 here,
and some of its operations refuse it.
"""

from __future__ import annotations

import functools
from pathlib import Path

import torch


@functools.cache
def cpu_flags() -> tuple[str, ...]:
    """Return what the processor can do by ``/proc/cpuinfo``; nothing where that is not there."""
    try:
        cpu = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return ()
    return tuple(cpu.partition("\nflags")[2].partition("\n")[0].split())


def matrix_type(device: str = "cpu") -> torch.dtype:
    """Return the type in which a device multiplies matrices fastest, bfloat16 or float32.

    Args:
        device: as PyTorch names its kind.
    """
    if device == "cuda":
        serves = torch.cuda.is_bf16_supported()
    else:
        serves = device == "cpu" and "avx512_bf16" in cpu_flags()
    return torch.bfloat16 if serves else torch.float32
