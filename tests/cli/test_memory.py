"""Memory of this process as ``streamer bench`` states it."""

from __future__ import annotations

import mmap
import sys
from pathlib import Path

import numpy as np
import pytest

from streamer.cli.support.memory import peak_memory_mb, resident_parts_mb

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs /proc")


@linux
def test_private_memory_and_mapped_files_are_counted_apart(tmp_path: Path) -> None:
    size = 64_000_000
    before = resident_parts_mb()
    assert before is not None and before[0] > 0 and before[1] > 0
    block = np.ones(size, np.uint8)
    private = resident_parts_mb()
    assert private is not None and 60 < private[0] - before[0] < 70
    block.tofile(tmp_path / "file")
    with (tmp_path / "file").open("rb") as file:
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    assert np.frombuffer(mapped, np.uint8).sum() == size
    both = resident_parts_mb()
    assert both is not None and both[0] - private[0] < 10 and 60 < both[1] - private[1] < 70
    peak = peak_memory_mb()
    assert peak is not None and peak >= sum(both) - 1
