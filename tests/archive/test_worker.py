"""One worker: what comes of a recording, and that nothing wrong with one is raised."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

pytest.importorskip("fsspec", reason="needs the extra cluster")

from streamer import transcriber as transcriber_module
from streamer.archive.storage import find_recordings
from streamer.archive.stored_events import decode_events
from streamer.archive.work import CutEnd, Job, Problem, Settings
from streamer.archive.worker import Worker, cut, problem_of, written
from streamer.errors import AudioError, ModelError
from streamer.events import Event, Final

RATE_HZ = 16000
WORDS = Final(0, 0, 0.0, 1.0, "hello there", "Hello there.")


class StandIn:
    """A Transcriber that hears the same in everything.

    Attributes:
        error: what it raises at the end of its events.
        made: how many there have been.
    """

    error: Exception | None = None
    events: tuple[Event, ...] = (WORDS,)
    made = 0
    about = None

    def __init__(self, **_: Any) -> None:
        type(self).made += 1
        self.heard_s = 0.0

    def run(self, source: Any) -> Iterator[Event]:
        for event in self.events:
            self.heard_s += 1.0
            yield event
        if self.error is not None:
            raise self.error

    def transcribe(self, samples: Any) -> Iterator[Event]:
        assert samples.dtype == np.float32
        return self.run(samples)


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> type[StandIn]:
    made = type("MadeStandIn", (StandIn,), {})
    monkeypatch.setattr(transcriber_module, "Transcriber", made)
    return made


@pytest.fixture
def job(tmp_path: Path) -> Job:
    sounds = tmp_path / "sounds"
    sounds.mkdir()
    random = np.random.default_rng(0).normal(0, 0.1, 3 * RATE_HZ)
    soundfile.write(str(sounds / "talk.wav"), random, RATE_HZ)
    (recording,) = find_recordings(str(sounds))
    return Job(recording, "talk.txt", "key")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "out").mkdir()
    return Settings({}, str(tmp_path / "out"))


def transcript(settings: Settings) -> str:
    return Path(settings.folder, "talk.txt").read_text(encoding="utf-8")


def test_a_recording_is_transcribed_and_its_words_are_written(
    stand_in: type[StandIn], job: Job, settings: Settings
) -> None:
    worker = Worker(settings)
    assert worker.prepare() is None
    outcome = worker.transcribe(job)
    assert (outcome.seconds, outcome.problem, outcome.remark) == (1.0, None, "")
    assert transcript(settings).strip() == "hello there"
    worker.transcribe(job)
    assert stand_in.made == 1  # a model is loaded once


def test_a_model_that_is_not_there_is_a_problem_of_the_worker(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**_: Any) -> None:
        raise ModelError("no model 'x'", "pull it")

    monkeypatch.setattr(transcriber_module, "Transcriber", refuse)
    assert Worker(settings).prepare() == Problem("no model 'x'", "pull it")


def test_a_recording_longer_than_a_piece_is_left_to_be_cut(
    stand_in: type[StandIn], job: Job, settings: Settings
) -> None:
    worker = Worker(Settings({}, settings.folder, piece_s=2.0))
    assert worker.transcribe(job).too_long and stand_in.made == 0


def test_what_was_heard_before_an_error_is_kept(
    stand_in: type[StandIn], job: Job, settings: Settings
) -> None:
    stand_in.error = AudioError("talk.wav is truncated", "record it again")
    outcome = Worker(settings).transcribe(job)
    assert outcome.problem == Problem("talk.wav is truncated", "record it again")
    assert outcome.seconds == 1.0 and transcript(settings).strip() == "hello there"


def test_an_error_before_the_first_word_writes_nothing(
    stand_in: type[StandIn], job: Job, settings: Settings
) -> None:
    stand_in.events, stand_in.error = (), MemoryError()
    outcome = Worker(settings).transcribe(job)
    assert outcome.problem is not None and "not enough memory" in outcome.problem.what
    assert outcome.seconds == 0.0 and not Path(settings.folder, "talk.txt").exists()


def test_a_file_that_is_not_audio_is_a_problem_and_not_a_long_recording(
    stand_in: type[StandIn], job: Job, settings: Settings
) -> None:
    Path(job.recording.url.partition("://")[2] or job.recording.url).write_bytes(b"diary" * 99)
    stand_in.events = ()
    outcome = Worker(settings).transcribe(job)
    assert not outcome.too_long


def test_a_transcript_that_cannot_be_written_is_a_problem(
    stand_in: type[StandIn], job: Job, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = Worker(settings)

    def refuse(name: str, content: bytes) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr(worker._results, "write", refuse)
    for outcome in (
        worker.transcribe(job),
        worker.transcribe_piece(job, 0, np.zeros(RATE_HZ, np.float32)),
    ):
        assert outcome.problem is not None and "the disk is full" in outcome.problem.what


def test_the_events_of_a_piece_are_returned_and_kept(
    stand_in: type[StandIn], job: Job, settings: Settings
) -> None:
    outcome = Worker(settings).transcribe_piece(job, RATE_HZ, np.zeros(2 * RATE_HZ, np.float32))
    assert outcome.seconds == 2.0 and outcome.events == (WORDS,)
    kept = Path(settings.folder, job.piece_name(RATE_HZ, 3 * RATE_HZ)).read_bytes()
    assert list(decode_events(kept) or []) == [WORDS]


def test_a_cut_ends_with_how_far_it_came(job: Job) -> None:
    *pieces, end = cut(job, 60.0)
    assert end == CutEnd(3.0, None, "")
    assert pieces[0] == (0, 3 * RATE_HZ) and len(pieces[1]) == 3 * RATE_HZ


def test_a_cut_of_a_missing_recording_ends_with_the_problem(job: Job) -> None:
    Path(job.recording.url.partition("://")[2] or job.recording.url).unlink()
    (end,) = cut(job, 60.0)
    assert end.seconds == 0.0 and end.problem is not None


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (AudioError("/tmp/copy-1 is empty", "leave it out"), "s3://a/talk.wav is empty - leave"),
        (FileNotFoundError(), "s3://a/talk.wav is not there - check that all workers"),
        (MemoryError(), "not enough memory for s3://a/talk.wav - use fewer --workers"),
        (ValueError("odd"), "s3://a/talk.wav cannot be transcribed (ValueError: odd) - check"),
    ],
)
def test_a_problem_names_the_address_and_not_its_copy(
    job: Job, error: Exception, said: str
) -> None:
    recording = dataclasses.replace(job.recording, url="s3://a/talk.wav")
    elsewhere = dataclasses.replace(job, recording=recording)
    assert str(problem_of(error, elsewhere, Path("/tmp/copy-1"))).startswith(said)


def test_a_transcript_has_the_format_of_the_settings() -> None:
    text = written([WORDS], Settings({}, "", "jsonl")).decode()
    assert text.startswith("{") and '"hello there"' in text
    assert written([WORDS], Settings({}, "")).decode().strip() == "hello there"
