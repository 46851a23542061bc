"""Folders that one process works in at a time, also where folders cannot be locked."""

from __future__ import annotations

import errno
import os
import shutil
import time
from pathlib import Path
from typing import Any

import pytest

from streamer.untrusted import locked_folders
from streamer.untrusted.locked_folders import locked_folder, sweep, work_folder

DAY_S = 24 * 3600.0


@pytest.fixture
def no_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on Windows."""
    monkeypatch.setattr(locked_folders, "fcntl", None)


def aged(folder: Path, age_s: float) -> Path:
    folder.mkdir()
    os.utime(folder, (time.time() - age_s,) * 2)
    return folder


def test_a_work_folder_is_private_and_goes_in_the_end(tmp_path: Path) -> None:
    with work_folder(tmp_path, ".x-") as folder:
        (folder / "file").write_text("x")
        assert folder.parent == tmp_path and folder.name.startswith(".x-")
        assert os.name == "nt" or folder.stat().st_mode & 0o777 == 0o700
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("no_locks")
def test_without_locks_it_is_too(tmp_path: Path) -> None:
    with work_folder(tmp_path, ".x-") as folder:
        assert folder.is_dir()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("no_locks")
def test_without_locks_nobody_waits(tmp_path: Path) -> None:
    waited: list[bool] = []
    with locked_folder(tmp_path / "a"), locked_folder(tmp_path / "a", lambda: waited.append(True)):
        assert waited == []


@pytest.mark.usefixtures("no_locks")
def test_without_locks_a_folder_is_left_behind_after_a_day(tmp_path: Path) -> None:
    aged(tmp_path / ".x-aaaaaaaa", DAY_S + 60)
    used = aged(tmp_path / ".x-bbbbbbbb", DAY_S - 60)
    sweep(tmp_path, ".x-")
    assert list(tmp_path.iterdir()) == [used]


def test_folders_of_other_names_and_those_in_use_are_not_swept(tmp_path: Path) -> None:
    kept = [tmp_path / ".x-too-long-a-name", tmp_path / ".y-aaaaaaaa", tmp_path / "mine"]
    for folder in kept:
        aged(folder, 9 * DAY_S)
    (tmp_path / ".x-cccccccc").write_text("a file")
    aged(tmp_path / ".x-aaaaaaaa", 0)
    with locked_folder(tmp_path / ".x-bbbbbbbb"):
        sweep(tmp_path, ".x-")
        assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
            [*(folder.name for folder in kept), ".x-bbbbbbbb", ".x-cccccccc"]
        )


def test_a_folder_that_is_removed_meanwhile_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_it, lock = locked_folders._open, locked_folders._lock
    removals = ["before it is opened", "before it is locked"]

    def opening(folder: Path) -> int | None:
        if len(removals) == 2:
            removals.pop()
            shutil.rmtree(folder)
        return open_it(folder)

    def locking(descriptor: int, wait: bool) -> bool:
        if len(removals) == 1:
            removals.pop()
            (tmp_path / "a").rmdir()
        return lock(descriptor, wait)

    monkeypatch.setattr(locked_folders, "_open", opening)
    monkeypatch.setattr(locked_folders, "_lock", locking)
    with locked_folder(tmp_path / "a") as folder:
        assert folder.is_dir() and removals == []


def test_a_file_system_without_locks_has_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fcntl = pytest.importorskip("fcntl")

    def refuse(*_: Any) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with locked_folder(tmp_path / "a") as folder:
        assert folder.is_dir()


def test_a_folder_that_cannot_be_opened_is_not_swept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = aged(tmp_path / ".x-aaaaaaaa", 9 * DAY_S)

    def refuse(folder: Path) -> int | None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), os.fspath(folder))

    monkeypatch.setattr(locked_folders, "_open", refuse)
    sweep(tmp_path, ".x-")
    assert left.is_dir()
