"""Tables of python_speech_features: the package's own, kept, and never trusted."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from python_speech_features import base

from streamer.features import PythonSpeechFeaturesFrontEnd
from streamer.features.mel_tables import MelTables, mel_tables

ARGUMENTS = (26, 512, 16000, 0.0, 8000.0, 26, 22)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("platformdirs.user_cache_path", lambda *_, **__: tmp_path / "cache")
    return tmp_path / "cache" / "front-ends"


def assert_right(tables: MelTables) -> None:
    assert np.array_equal(tables.filters, base.get_filterbanks(26, 512, 16000, 0.0, 8000.0))
    assert np.array_equal(tables.lifter, base.lifter(np.ones((1, 26)), 22)[0])


def test_they_are_the_packages_own_computed_and_kept(cache: Path) -> None:
    assert_right(mel_tables(*ARGUMENTS))
    (file,) = cache.iterdir()
    assert file.stat().st_mode & 0o777 == 0o600
    assert cache.stat().st_mode & 0o777 == 0o700
    assert_right(mel_tables(*ARGUMENTS))
    mel_tables(20, *ARGUMENTS[1:])
    assert len(list(cache.iterdir())) == 2


def test_a_damaged_file_is_made_again(cache: Path) -> None:
    mel_tables(*ARGUMENTS)
    (file,) = cache.iterdir()
    whole = file.read_bytes()
    for bad in (b"", whole[:-1], whole + b"x", whole[:40] + b"\xff" * 8 + whole[48:]):
        file.write_bytes(bad)
        assert_right(mel_tables(*ARGUMENTS))
        assert file.read_bytes() == whole


def test_without_a_place_for_files_they_are_computed_each_time(cache: Path) -> None:
    cache.parent.mkdir()
    cache.write_text("a file where the folder should be")
    assert_right(mel_tables(*ARGUMENTS))


def test_the_package_is_imported_only_while_the_tables_are_missing(tmp_path: Path) -> None:
    program = (
        "import sys; from streamer.features import PythonSpeechFeaturesFrontEnd as F; F();"
        "print('scipy' in sys.modules, 'python_speech_features' in sys.modules)"
    )
    environment = {"PATH": "", "HOME": str(tmp_path), "PYTHONPATH": ":".join(sys.path)}
    said = [
        subprocess.run(
            [sys.executable, "-c", program], env=environment, capture_output=True, check=True
        ).stdout.split()
        for _ in range(2)
    ]
    assert said == [[b"True", b"True"], [b"False", b"False"]]


def test_bands_beyond_half_the_rate_are_refused() -> None:
    with pytest.raises(ValueError, match="half the sample rate"):
        PythonSpeechFeaturesFrontEnd(sample_rate_hz=8000, high_hz=5000.0)
