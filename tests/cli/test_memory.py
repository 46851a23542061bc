"""Memory of this process as ``streamer bench`` states it."""

from __future__ import annotations

import errno
import mmap
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from streamer.cli import app
from streamer.cli.support.memory import peak_memory_mb, resident_parts_mb
from streamer.errors import ModelError

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


def raising(error: BaseException, cause: BaseException | None = None) -> Callable[..., Any]:
    def work(*_: Any) -> Any:
        raise error from cause

    return work


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        ModelError("no model", "pull one"),
        OSError(errno.ENOMEM, "Cannot allocate memory"),
        RuntimeError("can't start new thread"),
    ],
)
def test_wherever_memory_is_short_it_is_one_line(
    error: BaseException, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    cause = MemoryError() if isinstance(error, ModelError) else None
    monkeypatch.setattr(app, "build_app", raising(error, cause))
    assert app.run(["devices"]) == 1
    said = capsys.readouterr().err
    assert said.startswith("error: not enough memory - ") and said.count("\n") == 1


def test_another_error_of_the_system_names_its_file(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(app, "build_app", raising(OSError(errno.EACCES, "denied", "/a/file")))
    assert app.run(["devices"]) == 1
    assert capsys.readouterr().err.startswith("error: /a/file: ")
    monkeypatch.setattr(app, "build_app", raising(OSError(errno.EACCES, "denied")))
    assert app.run(["devices"]) == 1
    assert not capsys.readouterr().err.startswith("error: /")


def test_an_error_of_ours_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "build_app", raising(ZeroDivisionError("ours")))
    with pytest.raises(ZeroDivisionError):
        app.run(["devices"])


@pytest.mark.parametrize("kind", [KeyboardInterrupt, type("Abort", (Exception,), {})])
def test_an_interrupted_command_ends_as_interrupted(
    kind: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "build_app", raising(kind()))
    assert app.run(["devices"]) == app.INTERRUPTED


def test_the_version_needs_no_room_for_libraries(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(app, "check_room_for_libraries", raising(MemoryError()))
    assert app.run(["--version"]) == 0
    assert capsys.readouterr().out.startswith("streamer ")
    assert app.run(["devices"]) == 1
