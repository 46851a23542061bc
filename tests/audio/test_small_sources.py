"""Sources at their edges: opened twice, read after the end, closed before the beginning."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest

from streamer.audio.capture import Capture
from streamer.audio.native_stderr import native_messages_hidden
from streamer.audio.ring import RingBuffer
from streamer.audio.sources import standard_input
from streamer.audio.sources.array import ArraySource
from streamer.audio.sources.device_stream import DeviceBlock
from streamer.audio.sources.paced import Paced
from streamer.audio.sources.standard_input import StandardInputSource
from streamer.audio.sources.standby import PRE_ROLL_SECONDS, Standby
from streamer.audio.sources.timeline import Missing, Timeline
from streamer.audio.wav import read_wav_header
from streamer.errors import AudioError

RATE_HZ = 16000
SAMPLES = np.arange(RATE_HZ, dtype=np.float32) / RATE_HZ


def test_a_capture_that_is_opened_twice_reads_once() -> None:
    capture = Capture(ArraySource(SAMPLES, RATE_HZ), RATE_HZ)
    capture.open()
    with capture:
        heard = np.concatenate([block.samples for block in capture.blocks()])
    assert np.array_equal(heard, SAMPLES)


def test_a_capture_that_was_never_opened_is_closed_at_once() -> None:
    Capture(ArraySource(SAMPLES, RATE_HZ), RATE_HZ).close()


def test_a_paced_source_that_was_stopped_is_at_its_end() -> None:
    source = Paced(ArraySource(SAMPLES, RATE_HZ), clock=lambda: 0.0)
    source.open(RATE_HZ)
    source.stop()
    assert source.read() is None


def test_standard_input_has_ended_before_it_is_open_and_once_it_is_stopped() -> None:
    source = StandardInputSource(io.BytesIO(bytes(3200)))
    assert source.read() is None
    source.open(RATE_HZ)
    source.stop()
    assert source.read() is None


def test_where_waiting_for_a_pipe_has_no_timeout_it_is_read_without_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As on Windows, where select() is for sockets.
    monkeypatch.setattr(standard_input, "_pollable", lambda stream: None)
    (tmp_path / "raw").write_bytes((SAMPLES * 32767).astype("<i2").tobytes())
    with (tmp_path / "raw").open("rb") as stream:
        source = StandardInputSource(stream)
        source.open(RATE_HZ)
        assert source.read() is not None


def test_a_tag_longer_than_any_is_not_skipped() -> None:
    tag = b"ID3\x04\0\0\x7f\x7f\x7f\x7f" + bytes(4000)  # a quarter of a gigabyte
    with pytest.raises(AudioError):
        StandardInputSource(io.BytesIO(tag)).open(RATE_HZ)


def test_a_format_chunk_that_is_too_short_is_a_broken_header() -> None:
    data = io.BytesIO(b"RIFF\0\0\0\0WAVEfmt \x08\0\0\0" + bytes(8))
    with pytest.raises(AudioError, match="has a broken WAV header"):
        read_wav_header(data.read, "a.wav")


def test_nothing_written_to_a_ring_changes_nothing() -> None:
    ring = RingBuffer(8)
    ring.write(SAMPLES[:0])
    assert (ring.written, ring.available) == (0, 0)


def test_a_warm_microphone_keeps_the_newest_samples_in_whole() -> None:
    kept = round(PRE_ROLL_SECONDS * RATE_HZ)
    standby = Standby(clock=lambda: 0.0, warm_s=9.0)
    given = np.arange(3 * kept, dtype=np.float32)
    for part in np.array_split(given, 7):
        standby.keep([DeviceBlock(part, 5), DeviceBlock(part[:0], 7)], RATE_HZ)
    blocks = standby.release()
    assert np.array_equal(np.concatenate([b.samples for b in blocks]), given[-kept:])
    assert {b.lost for b in blocks} == {0} and standby.release() == []


def test_a_break_that_begins_twice_is_one() -> None:
    timeline = Timeline()
    timeline.anchor(0.0)
    timeline.arrive(0.1, 0.1)
    timeline.break_off(1.0)
    timeline.break_off(2.0)
    assert timeline.broken and not timeline.settled(9.0)
    assert timeline.settle() == Missing(0.0, 0.0)  # nothing came after it
    assert not timeline.broken


def test_someone_else_may_replace_standard_error_while_messages_are_hidden(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import sys

    with (tmp_path / "real").open("w") as real, (tmp_path / "other").open("w") as other:

        class Real:
            encoding, errors = "utf-8", "strict"

            def fileno(self) -> int:
                return 2

            def flush(self) -> None:
                real.flush()

        monkeypatch.setattr(sys, "stderr", Real())
        with native_messages_hidden():
            sys.stderr = other
        assert sys.stderr is other
