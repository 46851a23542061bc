"""``--finals``: its options, and a bundle of ours as the second opinion."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from streamer.bundle import bundled_folder
from streamer.cli.app import run
from tests.support.models.bundles import make_tiny_bundle

SAMPLE = bundled_folder() / "sample.flac"
needs_english = pytest.mark.skipif(not SAMPLE.is_file(), reason="needs the bundled model")


@needs_english
def test_a_final_says_which_engine_spoke(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["transcribe", str(SAMPLE), "--format", "jsonl", "--no-partials"]
    assert run([*arguments, "--finals", "english"]) == 0
    finals = [e for e in map(json.loads, capsys.readouterr().out.splitlines()) if "join" in e]
    assert finals and all(event["engine"] == "english" for event in finals)
    assert run(arguments) == 0
    plain = [e for e in map(json.loads, capsys.readouterr().out.splitlines()) if "join" in e]
    assert [e["text"] for e in plain] == [e["text"] for e in finals]
    assert not any("engine" in event for event in plain)


def test_an_engine_that_does_not_exist_is_an_error(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    make_tiny_bundle(tmp_path / "tiny")
    arguments = ["transcribe", str(SAMPLE), "--model", str(tmp_path / "tiny")]
    assert run([*arguments, "--finals", "no-such-engine"]) != 0
    assert "no-such-engine" in capsys.readouterr().err


def test_a_time_limit_of_nothing_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["listen", "--finals-timeout", "0"]) == 2
    assert "--finals-timeout" in capsys.readouterr().err
