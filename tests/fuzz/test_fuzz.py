"""Fuzzing in the test suite: the kept inputs as they are, and some seconds of each target."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from streamer.errors import StreamerError
from tests.fuzz.targets import CORPUS, TARGETS
from tests.support.paths import ROOT

#: Seconds for each target.
SECONDS = float(os.environ.get("FUZZ_SECONDS") or 10)


@pytest.mark.parametrize("name", TARGETS)
def test_kept_inputs_end_in_a_result_or_one_line(name: str, tmp_path: Path) -> None:
    if name in ("networks", "onnx"):
        pytest.importorskip("onnx")
        pytest.importorskip("flatbuffers")
    (tmp_path / "target").mkdir()
    target = TARGETS[name](tmp_path / "target")
    assert target.seeds
    for file, raw in target.seeds.items():
        try:
            target.run(raw, tmp_path / file)
        except StreamerError as error:
            assert "\n" not in str(error)


def test_the_corpus_is_small_and_every_folder_has_its_target() -> None:
    files = [path for path in CORPUS.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 200_000
    assert {path.name for path in CORPUS.iterdir() if path.is_dir()} <= set(TARGETS)


@pytest.mark.slow
@pytest.mark.parametrize("name", TARGETS)
def test_damaged_inputs_end_in_a_result_or_one_line(name: str, tmp_path: Path) -> None:
    if name in ("networks", "onnx"):
        pytest.importorskip("onnx")
        pytest.importorskip("flatbuffers")
    findings = tmp_path / "findings"
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz", "--seconds", str(SECONDS), "--findings",
         str(findings), name],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]


def test_a_finding_is_kept_and_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from tests.fuzz import __main__ as program
    from tests.fuzz.targets import Target

    def run(raw: bytes, path: Path) -> None:
        if len(raw) > 3:
            raise IndexError("too long")

    monkeypatch.setattr(program, "_limit_memory", lambda: None)
    monkeypatch.setitem(TARGETS, "words", lambda folder: Target("words", run, {"a": b"abcdef"}))
    monkeypatch.setenv("PATH", os.environ["PATH"])
    monkeypatch.setenv("XDG_CACHE_HOME", os.environ["XDG_CACHE_HOME"])
    assert program.fuzz("words", 60, 200, tmp_path / "findings", 1, tmp_path) == 1
    assert "IndexError" in capsys.readouterr().out
    kept = [path for path in (tmp_path / "findings" / "words").iterdir() if path.suffix != ".txt"]
    assert [len(path.read_bytes()) for path in kept] == [4]
