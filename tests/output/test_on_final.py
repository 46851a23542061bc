"""Commands for each final, and the thread that runs them."""

from __future__ import annotations

import shlex
import sys
import threading
from pathlib import Path

import pytest

from streamer.errors import UsageError
from streamer.output import CommandPerFinal
from streamer.output.worker import Worker
from tests.support.events import final, partial, stats

#: Guards against hangs only.
LIMIT_S = 120.0


def python(program: str, *arguments: object) -> str:
    """Return a command line that runs a small program."""
    return shlex.join([sys.executable, "-c", program, *map(str, arguments)])


def appending(path: Path) -> str:
    return python("import sys; open(sys.argv[1], 'ab').write(sys.stdin.buffer.read() + b'|')", path)


def test_texts_arrive_on_standard_input_in_order(tmp_path):
    told: list[str] = []
    path = tmp_path / "got"
    command = CommandPerFinal(appending(path), told.append)
    for event in (partial("no"), final("one"), final(""), stats(), final("zwei ü"), final("three")):
        command.write(event)
    command.close(LIMIT_S)
    command.close(LIMIT_S)
    assert path.read_bytes().decode() == "one\n|zwei ü\n|three\n|"
    assert told == []


def test_no_speech_becomes_a_command(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = "'; touch pwned; $(touch pwned) `touch pwned` && touch pwned | --help"
    command = CommandPerFinal(appending(tmp_path / "got") + " $HOME ';' touch pwned", print)
    command.write(final(text))
    command.close(LIMIT_S)
    assert (tmp_path / "got").read_text() == text + "\n|"
    assert not (tmp_path / "pwned").exists()


def test_the_commands_output_stays_off_standard_output(capfd):
    command = CommandPerFinal(python("print('chatter')"), print)
    command.write(final("one"))
    command.close(LIMIT_S)
    out, err = capfd.readouterr()
    assert out == ""
    assert "chatter" in err


def test_a_slow_command_does_not_hold_up_the_finals(tmp_path):
    released = tmp_path / "released"
    waiting = python(
        "import os, sys, time\n"
        "while not os.path.exists(sys.argv[1]): time.sleep(0.01)\n"
        "open(sys.argv[2], 'a').write(sys.stdin.read())",
        released,
        tmp_path / "got",
    )
    command = CommandPerFinal(waiting, print)
    for number in range(5):
        command.write(final(f"final {number}"))
    # Every write has returned by now, and no command can have ended.
    assert not (tmp_path / "got").exists()
    released.touch()
    command.close(LIMIT_S)
    assert (tmp_path / "got").read_text() == "".join(f"final {n}\n" for n in range(5))


def test_a_failure_is_reported_once():
    told: list[str] = []
    command = CommandPerFinal(python("raise SystemExit(3)"), told.append)
    for _ in range(3):
        command.write(final("one"))
    command.close(LIMIT_S)
    assert len(told) == 1
    assert "exit code 3" in told[0]


def test_a_command_may_ignore_its_input():
    told: list[str] = []
    command = CommandPerFinal(python("pass"), told.append)
    command.write(final("word " * 100_000))
    command.close(LIMIT_S)
    assert told == []


def test_closing_waits_for_a_limited_time_only(tmp_path):
    told: list[str] = []
    started = tmp_path / "started"
    hanging = python("import sys, time; open(sys.argv[1], 'w').close(); time.sleep(1000)", started)
    command = CommandPerFinal(hanging, told.append)
    for _ in range(3):
        command.write(final("one"))
    while not started.exists():
        threading.Event().wait(0.01)
    command.close(0.1)
    assert len([line for line in told if "3 skipped" in line]) == 1
    assert command._process is not None
    assert command._process.wait(LIMIT_S) != 0  # it was ended, not left behind


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("", "is empty"),
        ("echo 'open", "cannot be split"),
        ("no-such-program-anywhere -x", "no program 'no-such-program-anywhere'"),
    ],
)
def test_an_invalid_command_is_an_error_at_once(command, message):
    with pytest.raises(UsageError, match=message):
        CommandPerFinal(command, print)


def test_a_full_worker_drops_items_and_reports_it_once():
    gate, done, full = threading.Event(), [], []
    busy = threading.Event()

    def handle(thing: int) -> None:
        busy.set()
        assert gate.wait(LIMIT_S)
        done.append(thing)

    worker = Worker("test", handle, on_full=lambda: full.append(1), max_waiting=2)
    assert worker.put(0)
    assert busy.wait(LIMIT_S)
    assert [worker.put(number) for number in (1, 2, 3, 4)] == [True, True, False, False]
    assert full == [1]
    gate.set()
    assert worker.close(LIMIT_S) == 0
    assert done == [0, 1, 2]
    assert not worker.put(5)


def test_without_marks_a_command_waits_for_nothing(tmp_path):
    path = tmp_path / "texts"
    runner = CommandPerFinal(appending(path), pytest.fail, marks=False)
    runner.write(final("one"))
    assert runner.finals_waiting == 0
    runner.close(60)
    assert path.read_text() == "one\n|"
