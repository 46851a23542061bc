"""Folders are filled all at once, and what a killed process left in one goes."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from streamer.convert.staging import staged_folder


def test_files_arrive_together_or_not_at_all(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), staged_folder(tmp_path / "new") as staged:
        (staged / "file").touch()
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []
    with staged_folder(tmp_path / "new") as staged:
        (staged / "file").touch()
        assert not (tmp_path / "new" / "file").exists()
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["file"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such locks")
def test_what_a_killed_process_left_goes_and_nothing_else(tmp_path: Path) -> None:
    for name in (".streamer-new-abcd_123", ".streamer-new-mine", ".new-abcd_123", "models"):
        (tmp_path / name).mkdir()
    with staged_folder(tmp_path) as one, staged_folder(tmp_path) as other:
        (one / "one").touch()
        (other / "other").touch()
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == [".new-abcd_123", ".streamer-new-mine", "models", "one", "other"]
