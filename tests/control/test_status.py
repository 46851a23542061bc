"""What a status bar is told."""

from __future__ import annotations

from streamer.control.status import LISTENING, PAUSED, Status, StatusBoard
from streamer.events import Notice
from tests.support.events import final, partial, stats


def test_the_status_follows_the_events() -> None:
    board = StatusBoard()
    board.change(state=LISTENING, device="Blue Yeti")
    board.receive(partial("one two"))
    board.receive(stats(level_dbfs=-30.2, time=4.4, speaking=True))
    status = board.status
    assert (status.partial, status.level_dbfs, status.time) == ("one two", -30, 4)
    board.receive(final("one two three"))
    assert (board.status.partial, board.status.final) == ("", "one two three")
    board.receive(Notice(0, 1.0, "too slow", "close programs"))
    assert board.status.notice == "too slow"


def test_bars_get_text_class_and_level() -> None:
    values = Status(LISTENING, partial="x" * 100, level_dbfs=-15.0).as_json()
    assert values["text"] == "● " + "x" * 40
    assert (values["class"], values["alt"], values["percentage"]) == (LISTENING, LISTENING, 75)
    assert Status(PAUSED, final="Done").as_json()["tooltip"] == "Done"
    assert Status().as_json()["percentage"] == 0
    assert Status(LISTENING, level_dbfs=3.0).as_json()["percentage"] == 100


def test_silence_has_no_level() -> None:
    board = StatusBoard()
    board.receive(stats(level_dbfs=float("-inf")))
    assert board.status.level_dbfs is None


def test_waiting_returns_only_for_a_change() -> None:
    board = StatusBoard()
    seen, _ = board.wait(-1, 0)
    board.change(state=board.status.state)
    assert board.wait(seen, 0)[0] == seen
    board.change(state=LISTENING)
    assert board.wait(seen, 0) == (seen + 1, board.status)
