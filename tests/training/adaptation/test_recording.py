from __future__ import annotations

import queue
import stat
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="PyTorch is not installed: pip install torch")

from streamer.arrays import FloatArray
from streamer.errors import AudioError, DeviceError
from streamer.training.adaptation.prompts import SENTENCES
from streamer.training.adaptation.recording import record_sentences, recorded
from streamer.training.data.cache import read_audio
from streamer.training.language.normalisation import normalise
from tests.support.audio.recordings import babble


def _speech(seconds: float) -> FloatArray:
    return babble(seconds)[:, 0]


class Microphone:
    """Delivers samples, then waits to be stopped, as a microphone does."""

    name, live, seconds, lost, delay_s = "microphone", True, None, 0, 0.0

    def __init__(self, samples: FloatArray, error: AudioError | None = None) -> None:
        self._blocks: queue.Queue[FloatArray | AudioError | None] = queue.Queue()
        self._blocks.put(samples)
        if error is not None:
            self._blocks.put(error)
        self.closed = False

    def open(self, rate_hz: int) -> None:
        assert rate_hz == 16000

    def read(self) -> FloatArray | None:
        block = self._blocks.get()
        if isinstance(block, AudioError):
            raise block
        return block

    def stop(self) -> None:
        self._blocks.put(None)

    def close(self) -> None:
        self.closed = True


def _record(
    folder: Path, sounds: list[Microphone], answers: list[str] | None = None
) -> tuple[list[str], list[str]]:
    said: list[str] = []
    given = list(answers or [])
    asked: list[str] = []

    def ask(line: str) -> str:
        asked.append(line)
        return given.pop(0) if given else ""

    record_sentences(folder, SENTENCES[:2], lambda: sounds.pop(0), ask, said.append)
    return said, asked


def test_what_was_read_is_kept_with_its_sentence_for_its_owner(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    speech = _speech(1.5)
    _record(folder, [Microphone(speech), Microphone(_speech(2.0))])
    first, second = recorded(folder)
    assert [first.transcript, second.transcript] == [normalise(s) for s in SENTENCES[:2]]
    np.testing.assert_allclose(read_audio(first.path, 16000), speech, atol=1 / 32768)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}


def test_whoever_stops_goes_on_where_they_were(tmp_path: Path) -> None:
    _record(tmp_path / "mine", [Microphone(_speech(1.0))], ["", "", "q"])
    assert len(recorded(tmp_path / "mine")) == 1
    said, _ = _record(tmp_path / "mine", [Microphone(_speech(1.0))])
    assert SENTENCES[0] not in " ".join(said)
    assert len(recorded(tmp_path / "mine")) == 2


@pytest.mark.parametrize("bad", [_speech(0.2), np.zeros(32000, np.float32)])
def test_a_reading_without_a_voice_is_asked_for_again(tmp_path: Path, bad: FloatArray) -> None:
    sounds = [Microphone(bad), Microphone(_speech(1.0)), Microphone(_speech(1.0))]
    said, asked = _record(tmp_path / "mine", sounds)
    assert any("short" in line or "nothing was heard" in line for line in said)
    assert "Enter, then read it again" in asked
    assert len(recorded(tmp_path / "mine")) == 2


def test_a_microphone_that_goes_away_loses_one_sentence_at_most(tmp_path: Path) -> None:
    gone = Microphone(_speech(1.0), DeviceError("the microphone is gone", "plug it in"))
    with pytest.raises(DeviceError, match="gone"):
        _record(tmp_path / "mine", [Microphone(_speech(1.0)), gone])
    assert gone.closed
    assert len(recorded(tmp_path / "mine")) == 1
