"""Copies of a bundle's folder: regular files of it, and nothing else."""

from __future__ import annotations

import io
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from streamer.bundle import copying
from streamer.bundle.copying import copy_bundle
from streamer.errors import ModelError


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    (folder / "a.mlpackage" / "Data").mkdir(parents=True)
    (folder / "a.mlpackage" / "Data" / "weights").write_bytes(bytes(3_000_000))
    (folder / "model.json").write_text("{}")
    return folder


def test_the_files_and_folders_of_it_are_copied(source: Path, tmp_path: Path) -> None:
    copy_bundle(source, tmp_path / "copy")
    found = {p.relative_to(tmp_path / "copy").as_posix() for p in (tmp_path / "copy").rglob("*")}
    assert found == {"model.json", "a.mlpackage", "a.mlpackage/Data", "a.mlpackage/Data/weights"}
    weights = tmp_path / "copy" / "a.mlpackage" / "Data" / "weights"
    assert weights.read_bytes() == bytes(3_000_000)


def test_without_room_nothing_is_copied(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = SimpleNamespace(free=2_000_000)
    monkeypatch.setattr(copying.shutil, "disk_usage", lambda folder: usage)  # type: ignore[attr-defined]
    with pytest.raises(ModelError, match="has 3 MB, 2 MB are free - free some space"):
        copy_bundle(source, tmp_path / "copy")
    assert not (tmp_path / "copy").exists()


def test_a_folder_of_endless_files_is_not_copied(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copying, "_MAX_FILES", 1)
    with pytest.raises(ModelError, match="has more than 1 files"):
        copy_bundle(source, tmp_path / "copy")


@pytest.mark.skipif(os.name == "nt", reason="needs links")
def test_links_out_of_it_in_a_circle_and_to_other_things_are_refused(
    source: Path, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_text("precious")
    for target, what in ((tmp_path / "secret", "is a link out of the folder"), ("link", "is")):
        (source / "link").symlink_to(target)
        with pytest.raises(ModelError, match=what):
            copy_bundle(source, tmp_path / "copy")
        (source / "link").unlink()
    os.mkfifo(source / "pipe")
    with pytest.raises(ModelError, match="is not a regular file"):
        copy_bundle(source, tmp_path / "copy")


def test_a_file_that_shrinks_meanwhile_is_copied_as_far_as_it_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Shrinking(io.BytesIO):
        def fileno(self) -> int:
            return 0

    def opened(path: Path) -> Any:
        return Shrinking(b"half")

    monkeypatch.setattr(copying, "open_regular", opened)
    monkeypatch.setattr(copying.os, "fstat", lambda number: SimpleNamespace(st_size=8))  # type: ignore[attr-defined]
    copying._copy(tmp_path / "a", tmp_path / "b")
    monkeypatch.undo()
    assert (tmp_path / "b").read_bytes() == b"half"
