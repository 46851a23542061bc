"""Saved audio: what was heard, where the transcript says it was, and a manifest for training."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from streamer.errors import OutputError
from streamer.events import Event, Notice
from streamer.saving import SessionFile, UtteranceFiles, audio_saver
from streamer.training.data.manifests import read_data_set
from tests.support.events import final, partial, stats

RATE_HZ = 16000


def ramp(seconds: float) -> Any:
    n = round(seconds * RATE_HZ)
    return (np.arange(n) % 30000 / 32768).astype(np.float32)


def feed(stage: Any, *pieces: tuple[float, Any]) -> None:
    stage.begin("english", None, True)
    for start_s, samples in pieces:
        stage.hear(round(start_s * RATE_HZ), samples)


def test_a_session_is_one_file_with_silence_for_what_was_lost(tmp_path: Path) -> None:
    stage = SessionFile(tmp_path / "talk.flac")
    feed(stage, (0.0, ramp(0.5)), (0.5, ramp(0.5)), (21.0, ramp(1.0)))
    stage.finish()
    stage.close()
    saved, rate_hz = soundfile.read(tmp_path / "talk.flac", dtype="float32")
    assert rate_hz == RATE_HZ
    parts = [ramp(0.5), ramp(0.5), np.zeros(20 * RATE_HZ, np.float32), ramp(1.0)]
    np.testing.assert_array_equal(saved, np.concatenate(parts))


def test_a_file_that_exists_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "talk.flac").write_text("precious")
    with pytest.raises(OutputError, match="exists"):
        SessionFile(tmp_path / "talk.flac")


def test_utterances_become_files_and_lines_that_training_reads(tmp_path: Path) -> None:
    for session in ("monday", "tuesday"):
        stage = UtteranceFiles(tmp_path / "said", session)
        feed(stage, (0.0, ramp(4.0)))
        events = [
            partial("one"),
            final("one two", start=0.5, end=1.75),
            final("it's three", 1, 2.0, 3.0),
        ]
        assert stage.process(events) == events
        stage.finish()
    clips = read_data_set(tmp_path / "said" / "manifest.tsv")
    assert [clip.transcript for clip in clips] == ["one two", "it's three"] * 2
    assert [clip.path.name for clip in clips] == [
        "monday-0001.flac", "monday-0002.flac", "tuesday-0001.flac", "tuesday-0002.flac",
    ]  # fmt: skip
    saved, _ = soundfile.read(clips[0].path, dtype="float32")
    np.testing.assert_array_equal(saved, ramp(4.0)[round(0.5 * RATE_HZ) : round(1.75 * RATE_HZ)])


def test_a_failure_is_one_notice_and_recognition_goes_on(tmp_path: Path) -> None:
    stage = UtteranceFiles(tmp_path / "said", "monday")
    feed(stage, (0.0, ramp(4.0)))
    (tmp_path / "said").rmdir()
    events: list[Event] = []
    for _ in range(2):
        events += stage.process([final("one", start=0.5, end=1.75), stats()])
    assert [type(event).__name__ for event in events] == [
        "Final",
        "Stats",
        "Notice",
        "Final",
        "Stats",
    ]
    notice = events[2]
    assert isinstance(notice, Notice) and "said cannot be written" in notice.what
    assert [event.seq for event in events] == [0, 0, 1, 1, 1]


def test_the_name_says_which_it_is(tmp_path: Path) -> None:
    assert isinstance(audio_saver(tmp_path / "talk.FLAC"), SessionFile)
    assert isinstance(audio_saver(tmp_path / "talks"), UtteranceFiles)
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="is a file"):
        audio_saver(tmp_path / "file")


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    stage = SessionFile(tmp_path / "nowhere" / "talk.flac")
    with pytest.raises(OutputError, match="cannot be made"):
        stage.begin("english", None, True)


def test_a_stream_that_begins_anew_goes_on_in_the_file_of_its_session(tmp_path: Path) -> None:
    stage = SessionFile(tmp_path / "talk.flac")
    stage.hear(0, ramp(0.5))  # nobody has begun
    feed(stage, (0.0, ramp(0.5)))
    feed(stage, (0.5, ramp(0.5)))
    stage.close()
    saved, _ = soundfile.read(tmp_path / "talk.flac", dtype="float32")
    np.testing.assert_array_equal(saved, np.concatenate([ramp(0.5), ramp(0.5)]))


def test_after_a_failure_nothing_is_tried_again_and_its_notice_waits_for_an_event(
    tmp_path: Path,
) -> None:
    stage = SessionFile(tmp_path / "talk.flac")
    feed(stage, (0.0, ramp(0.5)))
    stage._file.close()  # libsndfile refuses what comes now
    for _ in range(2):
        stage.hear(RATE_HZ, ramp(0.5))
    assert stage.process([]) == []
    first, notice = stage.process([final("one")])
    assert isinstance(notice, Notice) and notice.seq == first.seq + 1
    assert "cannot be written" in notice.what
    (later,) = stage.process([replace(final("two"), seq=1)])
    assert later.seq == 2  # after the notice


def test_words_whose_sound_is_no_longer_kept_are_not_saved(tmp_path: Path) -> None:
    stage = UtteranceFiles(tmp_path / "said", "monday")
    feed(stage, (0.0, ramp(1.0)), (500.0, ramp(1.0)))
    stage.process([final("too late", start=0.0, end=1.0)])
    assert list((tmp_path / "said").iterdir()) == []


def test_a_file_in_place_of_the_folder_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "said").touch()
    for folder, what in (("said", "is a file"), ("said/more", "cannot be made")):
        with pytest.raises(OutputError, match=what):
            UtteranceFiles(tmp_path / folder)
