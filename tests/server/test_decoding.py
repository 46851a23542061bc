"""Uploads are decoded in a process of their own."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from streamer.arrays import FloatArray
from streamer.audio.sources.recording import RecordingSource
from streamer.errors import AudioError
from streamer.server.workers.decoding import DecodingProcess
from tests.server.speech import SAMPLE
from tests.support.audio.recordings import babble

RATE_HZ = 16000


def decoded(source: RecordingSource | DecodingProcess) -> tuple[FloatArray, str]:
    """Return all samples and the error after them, empty for none."""
    blocks: list[FloatArray] = []
    error = ""
    try:
        source.open(RATE_HZ)
        while (block := source.read()) is not None:
            blocks.append(block)
    except AudioError as failure:
        error = str(failure)
    finally:
        source.close()
    return np.concatenate([np.zeros(0, np.float32), *blocks]), error


@pytest.mark.parametrize("damage", ["none", "cut", "not audio", "empty"])
def test_samples_and_errors_are_those_of_the_recording(damage: str, tmp_path: Path) -> None:
    whole = SAMPLE.read_bytes()
    path = tmp_path / f"a{SAMPLE.suffix}"
    contents = {"none": whole, "cut": whole[: len(whole) // 2], "not audio": b"x" * 999}
    path.write_bytes(contents.get(damage, b""))
    samples, error = decoded(DecodingProcess(path))
    expected, expected_error = decoded(RecordingSource(path))
    np.testing.assert_array_equal(samples, expected)
    assert error == expected_error
    assert (len(samples) > 0) == (damage in ("none", "cut"))
    assert bool(error) == (damage != "none")


@pytest.fixture
def long(tmp_path: Path) -> Path:
    """A recording that does not fit into a pipe."""
    path = tmp_path / "long.wav"
    soundfile.write(path, np.tile(babble(10.0), 3), RATE_HZ)
    return path


@pytest.mark.skipif(sys.platform == "win32", reason="needs signals")
def test_a_crash_is_an_error_of_the_recording(long: Path) -> None:
    source = DecodingProcess(long)
    source.open(RATE_HZ)
    assert source.pid is not None
    os.kill(source.pid, signal.SIGSEGV)
    with pytest.raises(AudioError, match="cannot be decoded"):
        while source.read() is not None:
            pass
    source.close()


@pytest.mark.skipif(sys.platform == "win32", reason="needs signals")
def test_closing_ends_the_process(long: Path) -> None:
    source = DecodingProcess(long)
    source.open(RATE_HZ)
    pid = source.pid
    assert pid is not None and source.read() is not None
    source.close()
    source.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    with pytest.raises(AudioError):
        source.read()
