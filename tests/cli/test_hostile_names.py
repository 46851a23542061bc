"""File, device and model names and licences with control characters, through every print."""

from __future__ import annotations

import json
import sys
import unicodedata
from pathlib import Path

import pytest
import soundfile

from streamer.audio.devices import Device
from streamer.cli.app import run
from tests.support.audio.recordings import babble
from tests.support.models.bundles import make_tiny_bundle

#: Clears the screen, sets the window's title, goes back in the line, reverses the order.
HOSTILE = "x\x1b[2J\x1b]0;owned\x07\x9b31m\r\x08\u202egpj\u2066y"

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows refuses such names")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder whose name, files, model and its licence are hostile."""
    home = tmp_path / HOSTILE
    models = home / "models"
    make_tiny_bundle(models / "tiny", n_hidden=8)
    description = models / "tiny" / "model.json"
    entries = json.loads(description.read_text())
    description.write_text(json.dumps({**entries, "licence": HOSTILE}))
    soundfile.write(home / f"{HOSTILE}.wav", babble(2.0), 16000)
    (home / f"{HOSTILE}.txt").write_text("not a recording")
    (home / f"bad{HOSTILE}.wav").write_text("not a recording")
    monkeypatch.chdir(home)
    monkeypatch.setenv("STREAMER_MODELS", str(models))
    monkeypatch.setenv("STREAMER_MODEL", "tiny")
    monkeypatch.setenv("STREAMER_ONE_SHOT", "1")
    monkeypatch.setenv("STREAMER_BACKEND", "numpy")
    monkeypatch.setenv("STREAMER_DECODER", "greedy")
    monkeypatch.setenv("STREAMER_CONFIG", str(home / "config.toml"))
    return home


def said(capsys: pytest.CaptureFixture[str]) -> str:
    """Return what was printed, after checking that no character controls the terminal."""
    out, err = capsys.readouterr()
    for character in (out + err).replace("\n", "").replace("\t", ""):
        assert unicodedata.category(character) not in ("Cc", "Cs", "Zl", "Zp"), repr(character)
        assert unicodedata.bidirectional(character) not in ("RLO", "LRI", "LRO", "RLI")
    return out + err


@pytest.mark.parametrize("arguments", [
    ["transcribe", f"{HOSTILE}.wav", f"bad{HOSTILE}.wav", f"gone{HOSTILE}.wav"],
    ["transcribe", "."],
    ["transcribe", "--output", f"{HOSTILE}.docx", f"{HOSTILE}.wav"],
    ["transcribe", "--output", f"{HOSTILE}/none/x.txt", f"{HOSTILE}.wav"],
    ["transcribe", "--model", HOSTILE, f"{HOSTILE}.wav"],
    ["transcribe", "--format", "jsonl", f"{HOSTILE}.wav", f"{HOSTILE}.wav"],
    ["transcribe", f"https://{HOSTILE}"],
    [f"{HOSTILE}.wav", "--decoder", HOSTILE],
    ["models", "list"], ["models", "path", HOSTILE], ["models", "import", HOSTILE],
    ["inspect", f"{HOSTILE}.wav"], ["convert", f"{HOSTILE}.wav", "--output", HOSTILE],
    ["check", HOSTILE, "--reference", HOSTILE],
    ["config"], ["config", "--init"], ["config", HOSTILE],
    [HOSTILE], [f"--{HOSTILE}"],
], ids=lambda arguments: " ".join(map(ascii, arguments))[:40])  # fmt: skip
def test_no_name_controls_the_terminal(
    arguments: list[str], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(arguments)
    assert said(capsys)


def test_the_name_of_a_device_does_not_control_the_terminal(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    device = Device(1, HOSTILE, HOSTILE, 1, 16000.0)
    monkeypatch.setattr("streamer.audio.devices.list_devices", lambda: [device])
    assert run(["devices"]) == 0
    assert "\\x1b" in said(capsys)
