"""Values that no option takes are one error; others are as they were given."""

from __future__ import annotations

import re

import pytest

from streamer.cli.app import run


@pytest.fixture(autouse=True)
def no_config(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STREAMER_CONFIG", "/dev/null")


@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "1e308"])
@pytest.mark.parametrize(
    "command", ["listen --silence", "demo --longest", "transcribe a.wav --finals-timeout"]
)
def test_a_number_that_is_none_or_beyond_all_use_is_refused(
    command: str, value: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*command.split(), value]) == 2
    said = capsys.readouterr().err
    assert re.fullmatch(r"error: invalid value for '--[a-z-]+': -?\w.* - see: .* --help\n", said)


@pytest.mark.parametrize(
    "command",
    ["transcribe a.wav --output-dir", "listen -o", "demo --words", "listen --model", "train x -o"],
)
def test_an_empty_path_is_refused(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*command.split(), ""]) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: invalid value for") and "it is empty" in said


def test_an_invalid_variable_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("STREAMER_SILENCE", "nan")
    assert run(["listen"]) == 2
    assert "(env var: 'STREAMER_SILENCE')" in capsys.readouterr().err
