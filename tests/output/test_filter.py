"""``--pipe``: finals go through a filter, and stand where it fails."""

from __future__ import annotations

import sys

import pytest

from streamer.cli.support.outputs import OutputOptions
from streamer.errors import UsageError
from streamer.output import Filter
from tests.output.test_on_final import LIMIT_S, python
from tests.support.events import final, partial, stats

UPPER = python("import sys; sys.stdout.write(sys.stdin.read().upper())")


def test_the_output_is_displayed_and_the_rest_stays() -> None:
    told: list[str] = []
    command = Filter(UPPER, told.append, LIMIT_S)
    event = final("hello there", join=", ")
    shown = command.filter(event)
    assert shown.display == "HELLO THERE"  # type: ignore[union-attr]
    assert (shown.text, shown.words, shown.join) == (event.text, event.words, ", ")  # type: ignore[union-attr]
    assert told == []


def test_other_events_and_empty_finals_pass_by() -> None:
    command = Filter(python("raise SystemExit(3)"), pytest.fail, LIMIT_S)
    for event in (partial("we"), stats(), final("")):
        assert command.filter(event) is event


def test_lines_become_one() -> None:
    command = Filter(python("print('a\\n b\\n')"), pytest.fail, LIMIT_S)
    assert command.filter(final("x")).display == "a b"  # type: ignore[union-attr]


def test_a_failure_is_said_once_and_the_final_stands() -> None:
    told: list[str] = []
    command = Filter(python("raise SystemExit(3)"), told.append, LIMIT_S)
    events = [final("one"), final("two")]
    assert [command.filter(event) for event in events] == events
    (line,) = told
    assert "exit code 3" in line


def test_a_filter_that_does_not_answer_is_ended_and_given_up() -> None:
    told: list[str] = []
    command = Filter(python("import time; time.sleep(600)"), told.append, limit_s=0.01)
    event = final("one")
    for _ in range(5):
        assert command.filter(event) is event
    (line,) = told
    assert "has not answered" in line


@pytest.mark.parametrize("command", ["", "'", "no-such-program-anywhere"])
def test_a_command_that_is_none_is_refused(command: str) -> None:
    with pytest.raises(UsageError, match="--pipe"):
        Filter(command, pytest.fail)


def test_dictation_takes_back_what_a_filter_would_have_changed() -> None:
    with pytest.raises(UsageError, match="--pipe"):
        OutputOptions(pipe=sys.executable, dictation=True).check()
