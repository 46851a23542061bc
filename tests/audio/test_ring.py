"""The ring buffer: order, positions and losses are right however it is used."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamer.audio.ring import Block, RingBuffer

#: What a test does to a ring: write, skip or read a number of samples.
STEPS = st.lists(
    st.tuples(st.sampled_from(["write", "skip", "read"]), st.integers(1, 40)), max_size=60
)


def numbered(start: int, n: int) -> np.ndarray:
    return np.arange(start, start + n, dtype=np.float32)


def drain(ring: RingBuffer, at_once: int = 1000) -> list[Block]:
    blocks = []
    while ring.wait(0):
        blocks.append(ring.read(at_once))
    return blocks


@settings(max_examples=200, deadline=None)
@given(capacity=st.integers(1, 50), steps=STEPS)
def test_every_sample_is_read_at_its_position_or_counted_as_lost(
    capacity: int, steps: list[tuple[str, int]]
) -> None:
    """Each sample carries its absolute position as its value."""
    ring = RingBuffer(capacity)
    position = expected = 0
    blocks: list[Block] = []
    for what, n in steps:
        if what == "write":
            ring.write(numbered(position, n))
            position += n
        elif what == "skip":
            ring.skip(n)
            position += n
        else:
            blocks.append(ring.read(n))
            assert len(blocks[-1].samples) <= n
        assert ring.written == position
        assert 0 <= ring.available <= capacity
    blocks += drain(ring)
    for block in blocks:
        assert block.position == expected + block.lost
        np.testing.assert_array_equal(block.samples, numbered(block.position, len(block.samples)))
        expected = block.position + len(block.samples)
    assert expected == position == ring.position
    assert ring.lost == sum(block.lost for block in blocks)


@settings(max_examples=100, deadline=None)
@given(capacity=st.integers(1, 50), writes=st.lists(st.integers(0, 120), max_size=20))
def test_a_late_reader_gets_the_newest_samples_and_the_exact_loss(
    capacity: int, writes: list[int]
) -> None:
    ring = RingBuffer(capacity)
    total = 0
    for n in writes:
        ring.write(numbered(total, n))
        total += n
    block = ring.read(1000)
    assert block.lost == max(0, total - capacity)
    np.testing.assert_array_equal(block.samples, numbered(block.lost, min(total, capacity)))


@settings(max_examples=50, deadline=None)
@given(sizes=st.lists(st.integers(1, 30), min_size=1, max_size=30), at_once=st.integers(1, 30))
def test_nothing_is_lost_while_there_is_room(sizes: list[int], at_once: int) -> None:
    ring = RingBuffer(1000)
    for start, n in zip(np.cumsum([0, *sizes]), sizes):
        ring.write(numbered(int(start), n))
    blocks = drain(ring, at_once)
    assert ring.lost == 0
    np.testing.assert_array_equal(
        np.concatenate([block.samples for block in blocks]), numbered(0, sum(sizes))
    )


def test_missing_samples_are_reported_with_the_block_after_them() -> None:
    ring = RingBuffer(100)
    ring.write(numbered(0, 10))
    ring.skip(5)
    ring.write(numbered(15, 10))
    first, second = ring.read(100), ring.read(100)
    assert (first.position, len(first.samples), first.lost) == (0, 10, 0)
    assert (second.position, len(second.samples), second.lost) == (15, 10, 5)


def test_missing_samples_at_the_end_are_reported_too() -> None:
    ring = RingBuffer(100)
    ring.write(numbered(0, 10))
    ring.skip(7)
    ring.close()
    assert [block.lost for block in drain(ring)] == [0, 7]
    assert ring.finished


def test_a_block_is_not_changed_by_what_is_written_later() -> None:
    ring = RingBuffer(10)
    ring.write(numbered(0, 10))
    block = ring.read(10)
    ring.write(numbered(50, 10))
    np.testing.assert_array_equal(block.samples, numbered(0, 10))


def test_waiting_ends_when_the_ring_is_closed() -> None:
    ring = RingBuffer(10)
    answers: list[bool] = []
    waiter = threading.Thread(target=lambda: answers.append(ring.wait(60)))
    waiter.start()
    ring.close()
    waiter.join(60)
    assert answers == [False]
    assert ring.finished


def test_waiting_does_not_end_before_what_was_written_is_read() -> None:
    ring = RingBuffer(10)
    ring.write(numbered(0, 3))
    ring.close()
    assert ring.wait(60) and not ring.finished
    ring.read(10)
    assert not ring.wait(60) and ring.finished


def test_a_waiting_producer_loses_nothing_and_a_closed_ring_releases_it() -> None:
    ring = RingBuffer(10)
    ring.write(numbered(0, 8))
    assert ring.wait_for_room(2, 0)
    assert not ring.wait_for_room(3, 0)
    ring.read(1)
    assert ring.wait_for_room(3, 0)
    ring.close()
    assert not ring.wait_for_room(1, 60)
    with pytest.raises(ValueError, match="never fit"):
        ring.wait_for_room(11, 0)


def test_a_fast_producer_is_never_blocked_and_a_slow_consumer_never_misled() -> None:
    """Two real threads: every sample read is at its position, every other one is counted."""
    ring, total = RingBuffer(5000), 2_000_000

    def produce() -> None:
        position = 0
        while position < total:
            n = min(1 + position % 997, total - position)
            ring.write(numbered(position, n))
            position += n
        ring.close()

    producer = threading.Thread(target=produce)
    producer.start()
    expected = read = 0
    while ring.wait(60):
        block = ring.read(3000)
        assert block.position == expected + block.lost
        wrong = block.samples != numbered(block.position, len(block.samples))
        assert not wrong.any()
        expected = block.position + len(block.samples)
        read += len(block.samples)
    producer.join(60)
    assert expected == total
    assert read + ring.lost == total
