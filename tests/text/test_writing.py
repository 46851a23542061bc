"""Whole texts: the function, and the lines of the command."""

from __future__ import annotations

import pytest

import streamer
from streamer.text.casings import Casings
from streamer.text.model import TextModel
from streamer.text.writing import TextWriter, split_pauses, times_of
from streamer.text.written import WrittenForm

MODEL = TextModel(Casings(["London"]))


def test_write_out() -> None:
    assert (
        streamer.write_out("i was in london at ten thirty", model=MODEL)
        == "I was in London at 10:30."
    )
    assert streamer.write_out(["i", "was"], model=MODEL) == "I was."
    assert streamer.write_out("", model=MODEL) == ""


def test_switches() -> None:
    spoken = "on the third of may"
    assert streamer.write_out(spoken, model=MODEL, numbers=False) == "On the third of May."
    assert streamer.write_out(spoken, model=MODEL, punctuation=False) == "on 3 may"
    assert streamer.write_out(spoken, model=MODEL, date_style="mdy") == "On May 3."


def test_a_time_for_each_word() -> None:
    assert streamer.write_out("a b", [(0, 1), (1, 2)], model=MODEL) == "A b."
    with pytest.raises(ValueError, match="1 times for 2 words"):
        streamer.write_out("a b", [(0, 1)], model=MODEL)


def test_a_bar_is_a_pause() -> None:
    words, pauses = split_pauses("One | two three |")
    assert words == ["one", "two", "three"]
    times = times_of(words, pauses)
    assert times is not None
    assert times[1][0] - times[0][1] == pytest.approx(0.6)
    assert times[2][0] == pytest.approx(times[1][1])
    assert times_of(["one"], [0.0]) is None


def test_lines_make_a_paragraph() -> None:
    writer = TextWriter(WrittenForm(MODEL))
    parts = [
        writer.line("we went"),
        writer.line("to london"),
        writer.end(),
        writer.line("so"),
        writer.end(),
    ]
    assert parts == ["We went", " to London", ".", "So", "."]
