"""A recording that may be cut into pieces is opened once, whether it is cut or not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from streamer.archive.storage import Recording
from streamer.archive.work import Settings, make_job
from streamer.archive.worker import Worker
from streamer.audio.sources.recording import RecordingSource
from streamer.cli.commands.speech.transcribe_pieces import InPieces
from streamer.events import Event
from tests.support.audio.recordings import babble, count_openings


class Counting:
    """A transcriber that counts samples."""

    heard_s = 0.0

    def __init__(self) -> None:
        self.samples = 0

    def run(self, source: Any, on_open: Any = None) -> Iterator[Event]:
        source.open(16000)
        while (block := source.read()) is not None:
            self.samples += len(block)
        source.close()
        yield from ()

    def transcribe(self, samples: Any) -> Iterator[Event]:
        self.samples += len(samples)
        yield from ()


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    soundfile.write(tmp_path / "a.wav", np.tile(babble(2.0), (2, 1)), 16000)
    return tmp_path / "a.wav"


@pytest.mark.parametrize("piece_s", [1.0, 100.0])
def test_in_one_process(recording: Path, piece_s: float, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = count_openings(monkeypatch)
    transcriber: Any = Counting()
    source = RecordingSource(recording)
    assert not list(InPieces(transcriber, piece_s, lambda: False).run(source, lambda _: None))
    assert transcriber.samples == 64000
    assert opened == ["a.wav"]
    assert source.read() is None


@pytest.mark.parametrize(("piece_s", "samples"), [(1.0, 0), (100.0, 64000)])
def test_in_a_worker(
    recording: Path, tmp_path: Path, piece_s: float, samples: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("fsspec", reason="needs the extra cluster")
    opened = count_openings(monkeypatch)
    worker = Worker(Settings({}, str(tmp_path / "out"), piece_s=piece_s))
    worker._made = transcriber = Counting()  # type: ignore[assignment]
    job = make_job(Recording(str(recording), "a.wav", 1, ""), "a.txt", "")
    outcome = worker.transcribe(job)
    assert outcome.problem is None and outcome.too_long == (piece_s == 1.0)
    assert transcriber.samples == samples
    assert opened == ["a.wav"]
