"""Options that do not go together are refused in one line, before anything is loaded."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from streamer.cli.app import run


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith("STREAMER_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("STREAMER_CONFIG", os.devnull)
    monkeypatch.chdir(tmp_path)


REFUSED = {
    "listen --no-reconnect --reconnect-timeout 3": "--no-reconnect and --reconnect-timeout do not",
    "transcribe a.wav --realtime --on ray -d out": "--realtime and --on ray do not go together",
    "transcribe a.wav --realtime --output-dir out": "--realtime and --output-dir do not go",
    "transcribe a.wav --realtime --piece 30": "--piece and --realtime do not go together",
    "transcribe a.wav b.wav --realtime --backend numpy": "--realtime plays one recording",
    "transcribe a.wav --workers 2": "--workers needs --on ray",
    "transcribe - -": "standard input is given twice",
    "convert a.pb -o out --via core": "unknown route --via core",
    "convert a.pb -o out --via tensorflow --shape static": "keeps the graph's own shape",
    "convert a.pb -o out --via tensorflow --steps 1,16": "writes one number of steps",
    "convert a.pb -o out --via tensorflow --steps any": "flexible by itself",
    "convert a.pb -o out --output-node logits": "--output-node is for --via tensorflow",
    "export last.pt -o out --format pdf": "--format pdf is not known",
    "models import a.pbmm --precision int7": "unknown precision 'int7'",
    "models import a.pbmm --precision int8 --audio none.wav": "none.wav: no such file",
    "config --path --init": "--path, --edit and --init do not go together",
}


@pytest.mark.parametrize("line", REFUSED)
def test_it_is_refused(line: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = line.replace("-d out", "--output-dir out").split()
    assert run(arguments) in (1, 2)
    out, err = capsys.readouterr()
    (said,) = err.splitlines()
    assert said.startswith("error: ") and " - " in said and REFUSED[line] in said
    assert out == "" and list(tmp_path.iterdir()) == []


def test_the_only_folder_without_recordings_is_an_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").mkdir()
    assert run(["transcribe", "empty"]) == 2
    assert capsys.readouterr().err.startswith("error: ")


def test_of_several_folders_each_without_recordings_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    assert run(["transcribe", "one", "two", "--backend", "numpy"]) == 1
    said = capsys.readouterr().err.splitlines()
    assert ["one" in said[0], "two" in said[1]] == [True, True]


def test_without_standard_streams_words_cannot_be_written(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    assert run(["write"]) == 2
    assert "standard input is closed" in capsys.readouterr().err
