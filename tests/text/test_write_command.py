"""``streamer write``: lines of words in, paragraphs out."""

from __future__ import annotations

import io
import re
import sys

import pytest

from streamer.cli.app import run
from tests.support.written import without_marks


@pytest.fixture
def write(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):  # type: ignore[no-untyped-def]
    def run_write(text: str, *options: str) -> str:
        stdin = io.TextIOWrapper(io.BytesIO(text.encode()))
        monkeypatch.setattr(sys, "stdin", stdin)
        assert run(["write", *options]) == 0
        return capsys.readouterr().out

    return run_write


def test_lines_are_utterances_and_blank_lines_end_paragraphs(write) -> None:  # type: ignore[no-untyped-def]
    out = write("we were in london\non friday\n\nat ten thirty\n")
    assert without_marks(out) == "We were in London on Friday\nAt 10:30\n"
    assert re.search(r"[.?!]\n.*[.?!]\n$", out)


def test_switches(write) -> None:  # type: ignore[no-untyped-def]
    assert write("on the third of may\n", "--verbatim") == "on the third of may\n"
    assert write("on the third of may\n", "--no-punctuation") == "on 3 may\n"
    assert write("on the third of may\n", "--no-numbers") == "On the third of May.\n"
    assert write("on the third of may\n", "--date-style", "mdy") == "On May 3.\n"


def test_fillers_masks_and_replacements(write, tmp_path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr("streamer.cli.support.config_file.config_folder", lambda: tmp_path)
    (tmp_path / "replacements.toml").write_text('"eye phone" = "iPhone"', encoding="utf-8")
    assert write("um my my eye phone\n", "--no-fillers") == "My iPhone.\n"
    assert write("um my eye phone\n", "--verbatim") == "um my eye phone\n"
    assert re.fullmatch(r"Oh,? [sS]\*+[.!]\n", write("oh shit\n", "--mask"))


def test_dictation(write) -> None:  # type: ignore[no-untyped-def]
    assert write("dear john | comma | new line | hello | full stop\n", "--dictation") == (
        "Dear John,\nHello.\n"
    )
    assert write("hello\nscratch that\nbye\nperiod\n", "--dictation") == "Bye.\n"


def test_stop_listening(write) -> None:  # type: ignore[no-untyped-def]
    assert write("hello | period | stop listening\nbye\n", "--dictation") == "Hello.\n"


def test_nothing_gives_nothing(write) -> None:  # type: ignore[no-untyped-def]
    assert write("") == ""
    assert write("\n\n") == ""
    assert write("| |\n") == ""
    assert write("\n", "--dictation") == ""


@pytest.mark.parametrize(("closed", "code"), [("stdin", 2), ("stdout", 1)])
def test_a_closed_stream_is_one_error(
    closed: str, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"hello\n")))
    monkeypatch.setattr(sys, closed, None)
    assert run(["write"]) == code
    said = capsys.readouterr().err
    assert said.startswith("error: standard ") and " is closed - " in said


def test_bytes_that_are_no_text(monkeypatch: pytest.MonkeyPatch, capsys) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"caf\xe9 noir\n")))
    assert run(["write"]) == 0
    assert capsys.readouterr().out.startswith("Caf")


@pytest.mark.parametrize(
    "spoken, written",
    [
        (
            "we flew from paris to new york in december",
            "We flew from Paris to New York in December",
        ),
        ("the french and german cars", "The French and German cars"),
        ("merry christmas missus jones", "Merry Christmas Missus Jones"),
        ("i'd say i've seen it", "I'd say I've seen it"),
        ("nasa and the fbi", "NASA and the FBI"),
        ("she may march on", "She may march on"),
        ("see you on monday the fourteenth of august", "See you on Monday 14 August"),
        ("the south african coast", "The South African coast"),
    ],
)
def test_names(write, spoken: str, written: str) -> None:  # type: ignore[no-untyped-def]
    assert without_marks(write(spoken + "\n")) == written + "\n"
