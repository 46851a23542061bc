"""The capture thread: recordings lose nothing, live sources report every loss."""

from __future__ import annotations

import threading
from typing import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamer.arrays import FloatArray
from streamer.audio.capture import Capture, CapturedBlock
from streamer.audio.sources.array import ArraySource
from streamer.errors import AudioError, DeviceError


def numbered(start: int, n: int) -> FloatArray:
    return np.arange(start, start + n, dtype=np.float32)


class Script:
    """A source that follows a script, one step per read.

    Each step is an array (handed out), a number (so many samples are lost just
    before what follows), an error (raised), or an event (waited for).
    """

    seconds: float | None = None
    name = "script"

    def __init__(self, steps: list[object], live: bool = True) -> None:
        self.steps = list(steps)
        self.live = live
        self.lost = 0
        self.delay_s = 0.0
        self.closed = 0
        self.stopped = threading.Event()

    def open(self, rate_hz: int) -> None:
        pass

    def read(self) -> FloatArray | None:
        while self.steps:
            step = self.steps.pop(0)
            if isinstance(step, int):
                self.lost += step
            elif isinstance(step, Exception):
                raise step
            elif isinstance(step, threading.Event):
                assert step.wait(60)
            elif callable(step):
                step()
            else:
                assert isinstance(step, np.ndarray)
                return step
        return None

    def stop(self) -> None:
        self.stopped.set()

    def close(self) -> None:
        self.closed += 1


def finished(capture: Capture) -> None:
    """Wait until the capture thread is done."""
    assert capture._thread is not None
    capture._thread.join(60)


@settings(max_examples=25, deadline=None)
@given(
    n=st.integers(1, 5000),
    block=st.integers(1, 900),
    ring_samples=st.integers(1, 600),
)
def test_a_recording_passes_any_ring_without_loss(n: int, block: int, ring_samples: int) -> None:
    source = ArraySource(numbered(0, n), 16000, block_samples=block)
    with Capture(source, 16000, ring_seconds=ring_samples / 16000) as capture:
        blocks = list(capture.blocks())
    np.testing.assert_array_equal(np.concatenate([b.samples for b in blocks]), numbered(0, n))
    assert all(b.lost == 0 and b.arrived is None for b in blocks)


def test_a_live_source_never_waits_and_losses_are_reported() -> None:
    source = Script([numbered(0, 100), numbered(100, 100), numbered(200, 50)])
    with Capture(source, 100, ring_seconds=1) as capture:
        finished(capture)
        blocks = list(capture.blocks())
    # Blocks of 0.256 s at 100 Hz.
    assert [(b.position, b.lost) for b in blocks] == [(150, 150), (176, 0), (202, 0), (228, 0)]
    np.testing.assert_array_equal(np.concatenate([b.samples for b in blocks]), numbered(150, 100))


def test_losses_of_the_source_are_reported_where_they_happened() -> None:
    source = Script([numbered(0, 10), 7, numbered(17, 10), 3])
    with Capture(source, 100, ring_seconds=10) as capture:
        finished(capture)
        blocks = list(capture.blocks())
    assert [(b.position, len(b.samples), b.lost) for b in blocks] == [
        (0, 10, 0), (17, 10, 7), (30, 0, 3),
    ]  # fmt: skip


def test_an_error_comes_after_the_samples_before_it() -> None:
    source = Script([numbered(0, 10), numbered(10, 10), DeviceError("gone", "come back")])
    heard: list[CapturedBlock] = []
    with pytest.raises(DeviceError, match="gone"), Capture(source) as capture:
        for block in capture.blocks():
            heard.append(block)
    np.testing.assert_array_equal(np.concatenate([b.samples for b in heard]), numbered(0, 20))
    assert source.closed == 1


def test_a_source_that_cannot_be_opened_raises_at_once() -> None:
    class Broken(Script):
        def open(self, rate_hz: int) -> None:
            raise AudioError("broken", "fix it")

    with pytest.raises(AudioError, match="broken"), Capture(Broken([])):
        pass


def test_stopping_keeps_what_was_captured_and_may_be_done_twice() -> None:
    captured = threading.Event()
    source = Script([numbered(0, 50), captured.set])
    source.steps.append(source.stopped)
    source.steps.append(numbered(50, 5))  # what the device still had when it was stopped
    with Capture(source) as capture:
        assert captured.wait(60)
        capture.stop()
        capture.stop()
        blocks = list(capture.blocks())
    np.testing.assert_array_equal(np.concatenate([b.samples for b in blocks]), numbered(0, 55))
    capture.close()


def test_stopping_a_recording_does_not_wait_for_its_end() -> None:
    source = ArraySource(np.zeros(16000 * 600, np.int16), 16000)
    with Capture(source, ring_seconds=2) as capture:
        position = 0
        for block in capture.blocks():
            position = block.position + len(block.samples)
            capture.stop()
    assert position <= 16000 * 4


def test_a_source_that_does_not_react_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streamer.audio.capture.STOP_SECONDS", 0.05)
    release = threading.Event()
    with Capture(Script([numbered(0, 10), release, numbered(10, 10)])) as capture:
        blocks = capture.blocks()
        assert len(next(blocks).samples) == 10
        capture.stop()
        assert list(blocks) == []
    release.set()


def test_arrival_times_are_those_of_the_last_sample_of_each_block() -> None:
    times = iter([10.0, 20.0, 30.0])
    source = Script([numbered(0, 10), numbered(10, 10), numbered(20, 10)])
    source.delay_s = 0.5
    with Capture(source, 10, ring_seconds=10, clock=lambda: next(times)) as capture:
        finished(capture)
        arrived = [(len(b.samples), b.arrived) for b in capture.blocks()]
    # Blocks of 0.256 s, 3 samples here: the tenth and the twentieth sample lie within one.
    times_s = [9.5] * 3 + [19.5] * 3 + [29.5] * 4
    assert arrived == [(3, time_s) for time_s in times_s]


def test_an_idle_consumer_gets_empty_blocks() -> None:
    release = threading.Event()
    source = Script([numbered(0, 10), release, numbered(10, 10)])
    seen: list[int] = []
    with Capture(source) as capture:
        for block in capture.blocks(idle_s=0.01):
            assert block.position == sum(seen) and block.lost == 0
            seen.append(len(block.samples))
            if not len(block.samples):
                release.set()
    assert 0 in seen and sum(seen) == 20


def test_leaving_the_context_releases_a_waiting_thread() -> None:
    source = ArraySource(np.zeros(160000, np.int16), 16000)
    with Capture(source, ring_seconds=0.5) as capture:
        next(capture.blocks())
    assert capture._thread is not None
    capture._thread.join(60)
    assert not capture._thread.is_alive()


def test_programming_errors_are_not_swallowed() -> None:
    def fault() -> None:
        raise ZeroDivisionError("a fault")

    step: Callable[[], None] = fault
    with pytest.raises(ZeroDivisionError), Capture(Script([step])) as capture:
        list(capture.blocks())


def test_stopping_a_recording_leaves_out_what_was_read_far_ahead(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("streamer.audio.capture._READ_AHEAD_SECONDS", 0.0)
    with Capture(ArraySource(np.zeros(16000 * 10, np.int16), 16000)) as capture:
        finished(capture)
        blocks = capture.blocks()
        next(blocks)
        capture.stop()
        assert len(list(blocks)) <= 1
