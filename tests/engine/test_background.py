"""A function in a background thread."""

from __future__ import annotations

import threading

import pytest

from streamer.engine.background import InBackground


def test_the_result_is_waited_for() -> None:
    allowed = threading.Event()

    def answer() -> int:
        allowed.wait(60)
        return 42

    running = InBackground(answer, "answer")
    assert not running.done
    allowed.set()
    assert running.result() == 42
    assert running.done


def test_an_error_is_raised_by_every_call_for_the_result() -> None:
    def fail() -> int:
        raise ValueError("broken")

    running = InBackground(fail, "fail")
    for _ in range(2):
        with pytest.raises(ValueError, match="broken"):
            running.result()
