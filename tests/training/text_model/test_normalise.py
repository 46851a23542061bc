"""Printed English becomes words as they are spoken, with one mark at most after each."""

from __future__ import annotations

import pytest

pytest.importorskip("num2words")

from streamer.training.text_model.normalise import written_line


@pytest.mark.parametrize(
    "printed, line",
    [
        ('"Jeeves," I said.', "Jeeves, I said."),
        ('"Who?" he asked.', "Who? he asked."),
        ("Dr. Smith left in 1982; it cost $5, or 50%!",
         "Doctor Smith left in nineteen eighty two, it cost five dollars, or fifty percent!"),
        ('You say: "When is the next train?"', "You say: ^When is the next train?"),
        ("Jeeves--my man, you know--is here.", "Jeeves, my man, you know, is here."),
        ("I waited... then he came (at last).", "I waited, then he came, at last."),
        ("A well-known man of the U.S. Navy came at 10:30.",
         "A well known man of the U S Navy came at ten thirty."),
        ("CHAPTER one begins.", "Chapter one begins."),
        ("It ended.[1] So did we.", "It ended. So did we."),
        ("He met J. R. Smith, etc. and left.", "He met J R Smith, etc and left."),
    ],
)  # fmt: skip
def test_lines(printed: str, line: str) -> None:
    assert written_line(printed) == line


@pytest.mark.parametrize(
    "printed",
    [
        "THE END OF THE BOOK.",
        "no capital at its beginning.",
        "No mark at its end",
        "",
        "Chapter XII.",
        "Cost: 5x7 @ home.",
    ],
)
def test_what_is_no_plain_speech_is_left_out(printed: str) -> None:
    assert written_line(printed) is None
