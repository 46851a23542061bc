"""The ring buffer where one side acts in the middle of the other; without threads, so that each
interleaving happens every time. Samples carry their absolute positions as their values."""

from __future__ import annotations

from typing import Any, Callable

import numpy as np
import pytest

from streamer.audio import ring as ring_module
from streamer.audio.ring import Block, RingBuffer
from tests.audio.test_ring import numbered


class Bell:
    """Stands for a `Wakeup`: counts who rings, and acts while somebody waits."""

    def __init__(self, meanwhile: Callable[[], Any] | None = None) -> None:
        self.rung = 0
        self.waits: list[float] = []
        self._meanwhile = meanwhile

    def notify(self) -> None:
        self.rung += 1

    def wait(self, timeout_s: float) -> None:
        self.waits.append(timeout_s)
        assert self._meanwhile is not None, "waits for nothing"
        self._meanwhile()


@pytest.fixture()
def ring(monkeypatch: pytest.MonkeyPatch) -> RingBuffer:
    """A full ring of four samples, at a clock that stands still."""
    monkeypatch.setattr(ring_module.time, "monotonic", lambda: 100.0)
    made = RingBuffer(4)
    made.write(numbered(0, 4))
    return made


def is_right(block: Block, position: int, n: int, lost: int) -> bool:
    same = np.array_equal(block.samples, numbered(position, n))
    return same and (block.position, block.lost) == (position, lost)


# A read that is overtaken


def overtake(ring: RingBuffer, monkeypatch: pytest.MonkeyPatch, samples: int) -> None:
    """Let the producer write in the middle of the next read, once the consumer has copied."""
    copy = ring._copy

    def copied(start: int, end: int) -> Any:
        monkeypatch.setattr(ring, "_copy", copy)
        taken = copy(start, end)
        ring.write(numbered(ring.written, samples))
        return taken

    monkeypatch.setattr(ring, "_copy", copied)


def test_what_was_overwritten_while_it_was_copied_is_lost(
    ring: RingBuffer, monkeypatch: pytest.MonkeyPatch
) -> None:
    overtake(ring, monkeypatch, 3)
    assert is_right(ring.read(4), 3, 1, lost=3)


@pytest.mark.parametrize("samples", [2, 3, 9])
def test_a_read_that_was_overtaken_altogether_is_done_again(
    samples: int, ring: RingBuffer, monkeypatch: pytest.MonkeyPatch
) -> None:
    overtake(ring, monkeypatch, samples)
    assert is_right(ring.read(2), samples, 2, lost=samples)


def test_what_is_being_overwritten_is_not_read(ring: RingBuffer) -> None:
    """The consumer reads while the producer has written half of its block, and announced none."""
    read: list[Block] = []

    class Watched(np.ndarray):  # type: ignore[type-arg]
        def __setitem__(self, key: Any, value: Any) -> None:
            super().__setitem__(key, value)
            if not read:
                read.append(RingBuffer.read(ring, 4))

    ring._data = ring._data.view(Watched)
    ring.write(numbered(4, 2))
    assert is_right(read[0], 2, 2, lost=2)
    assert is_right(ring.read(4), 4, 2, lost=0)


# Waiting


def test_whoever_waits_is_woken_by_everything_that_it_may_wait_for(ring: RingBuffer) -> None:
    filled, emptied = Bell(), Bell()
    ring._filled, ring._emptied = filled, emptied  # type: ignore[assignment]
    rung = []
    for act in (lambda: ring.write(numbered(4, 1)), lambda: ring.skip(1), ring.close):
        act()
        rung.append((filled.rung, emptied.rung))
    ring.read(1)
    assert [*rung, (filled.rung, emptied.rung)] == [(1, 0), (2, 0), (3, 1), (3, 2)]


def test_a_consumer_waits_until_the_producer_has_written(ring: RingBuffer) -> None:
    ring.read(4)
    bell = Bell(lambda: ring.write(numbered(4, 1)))
    ring._filled = bell  # type: ignore[assignment]
    assert ring.wait(0.5) is True
    assert bell.waits == [0.5]


def test_a_producer_waits_until_the_consumer_has_read(ring: RingBuffer) -> None:
    bell = Bell(lambda: ring.read(3))
    ring._emptied = bell  # type: ignore[assignment]
    assert ring.wait_for_room(3, 0.5) is True
    assert bell.waits == [0.5]


def test_without_time_nobody_waits(ring: RingBuffer) -> None:
    ring._filled = ring._emptied = Bell()  # type: ignore[assignment]
    assert ring.wait_for_room(1, 0.0) is False
    ring.read(4)
    assert ring.wait(0.0) is False
    ring.close()
    assert ring.wait_for_room(1, 1.0) is False and ring.wait(1.0) is False


# Counters


def test_a_whole_ring_of_samples_fits_into_an_empty_ring(ring: RingBuffer) -> None:
    ring.read(4)
    assert ring.wait_for_room(4, 0.0) is True


def test_what_can_be_read_is_what_was_written_and_not_read(ring: RingBuffer) -> None:
    ring.read(3)
    assert ring.available == 1


def test_a_hole_of_nothing_is_none(ring: RingBuffer) -> None:
    ring.read(4)
    ring.skip(0)
    ring.skip(-1)
    assert ring.wait(0.0) is False and ring.written == 4


def test_it_says_whether_it_is_closed(ring: RingBuffer) -> None:
    assert ring.closed is False
    ring.close()
    assert ring.closed is True


def test_it_holds_at_least_one_sample() -> None:
    with pytest.raises(ValueError, match="at least one"):
        RingBuffer(0)
