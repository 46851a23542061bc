"""How ``streamer doctor`` looks."""

from __future__ import annotations

import pytest

from streamer.cli.commands.machine.doctor import NAME_COLUMNS, _Report, choose_marks
from streamer.errors import DeviceError

PLAIN = choose_marks("utf-8", 0)


def report(columns: int) -> tuple[_Report, list[str]]:
    lines: list[str] = []
    return _Report(PLAIN, columns, lines.append), lines


def raises(error: Exception) -> str:
    raise error


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_findings_are_wrapped_under_their_column(columns: int) -> None:
    doctor, lines = report(columns)
    doctor.check("model", lambda: "english in " + "a long folder " * 12)
    assert lines[0].startswith(f"  ✓ {'model':{NAME_COLUMNS}}english")
    assert all(line[: 4 + NAME_COLUMNS].isspace() for line in lines[1:])
    assert max(map(len, lines)) < columns


def test_the_last_line_says_what_to_do_first() -> None:
    doctor, lines = report(80)
    assert not doctor.check("one", lambda: raises(DeviceError("no microphone", "connect one")))
    assert not doctor.check("two", lambda: raises(ValueError("odd")))
    doctor.end()
    assert lines[-1] == "  do this first: connect one" and doctor.failures == 2
    assert lines[0] == f"  ✗ {'one':{NAME_COLUMNS}}no microphone - connect one"


def test_where_all_is_well_it_says_how_to_begin() -> None:
    doctor, lines = report(80)
    assert doctor.check("one", lambda: "fine")
    doctor.end()
    assert lines[-1] == "  all is well; begin with: streamer"


def test_without_colour_or_unicode_the_marks_still_tell_apart() -> None:
    assert len({*vars(choose_marks("ascii", 0)).values()}) == 3
    assert (
        choose_marks("ascii", 0).failure == "FAIL"
        and "\x1b[31m" in choose_marks("utf-8", 16).failure
    )


def test_what_was_found_reaches_the_terminal_escaped() -> None:
    doctor, lines = report(80)
    hostile = "mic \x1b]0;gone\x07 \u202e \x9b31m"
    doctor.check("one", lambda: hostile)
    doctor.check("two", lambda: raises(DeviceError(hostile, hostile)))
    doctor.note("three", hostile)
    doctor.end()
    assert len(lines) >= 5
    assert not set("".join(lines)) & set("\x1b\x07\u202e\x9b")
