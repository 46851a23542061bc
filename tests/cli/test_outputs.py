"""All outputs together."""

from __future__ import annotations

import errno
import io
import itertools
import json
import re
import shlex
import sys
from pathlib import Path

import pytest

import streamer.dictation as dictation_module
from streamer.cli.support.outputs import OutputOptions, Outputs
from streamer.cli.support.unsaved import HEADING
from streamer.dictation import find_virtual_keyboard, load_commands
from streamer.errors import OutputError, UsageError
from streamer.events import Close, Event
from streamer.output import FORMATS
from tests.support.events import final, partial, spoken

LIMIT_S = 120.0


class Paper:
    """A keyboard that types into a string."""

    name = "paper"

    def __init__(self) -> None:
        self.text = ""

    def type_text(self, text: str) -> None:
        self.text += text

    def backspace(self, times: int) -> None:
        self.text = self.text[: len(self.text) - times]


@pytest.fixture(autouse=True)
def no_user_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("STREAMER_CONFIG", str(tmp_path / "config" / "config.toml"))


def run(options: OutputOptions, *events, told: list[str]) -> str:
    stream = io.StringIO()
    with Outputs(options, stream, told.append) as outputs:
        for event in events:
            outputs.write(event)
    return stream.getvalue()


def test_events_pass_unchanged_without_dictation():
    outputs = Outputs(OutputOptions(), io.StringIO(), print)
    event = partial("hel", "he")
    assert outputs.write(event) == [event]
    assert outputs.write(final("period")) == [final("period")]
    assert not outputs.stop_requested


def test_the_file_is_written_before_the_screen(tmp_path):
    path = tmp_path / "out.txt"

    class Screen(io.StringIO):
        def write(self, text: str) -> int:
            assert text in path.read_text()
            return super().write(text)

    screen = Screen()
    with Outputs(OutputOptions(output=path), screen, print) as outputs:
        outputs.write(final("one"))
        outputs.write(final("two"))
    assert screen.getvalue() == path.read_text() == "one\ntwo\n"


@pytest.mark.parametrize(
    ("name", "format", "begin"),
    [("a.jsonl", None, '{"type"'), ("a.SRT", None, "1\n"), ("a.vtt", None, "WEBVTT"),
     ("a.md", None, "one"), ("a.vtt", "jsonl", '{"type"')],
)  # fmt: skip
def test_the_suffix_sets_the_format_of_a_file_unless_one_is_given(tmp_path, name, format, begin):
    with Outputs(OutputOptions(format, output=tmp_path / name), io.StringIO(), print) as outputs:
        outputs.write(final("one"))
    assert (tmp_path / name).read_text().startswith(begin)


def test_dictation_is_carried_out_in_every_output(tmp_path, monkeypatch):
    paper, told = Paper(), []
    monkeypatch.setattr(dictation_module, "find_virtual_keyboard", lambda: paper)
    options = OutputOptions(
        output=tmp_path / "text.txt", dictation=True, type=True, allow_typing=True
    )
    said = ["hello | comma | world", "what a mess", "scratch that", "full stop | new line", "i say"]
    shown = run(options, *map(spoken, said), final("stop listening"), told=told)
    text = "Hello, world.\nI say"
    assert paper.text == text
    assert (tmp_path / "text.txt").read_text() == text + "\n"
    assert shown == text + "\n"
    assert told == []


def test_json_lines_have_the_words_the_dictated_text_and_the_edits():
    lines = run(
        OutputOptions("jsonl", dictation=True),
        partial("one per", "one"),
        spoken("one | period"),
        final("scratch that"),
        told=[],
    ).splitlines()
    events = [json.loads(line) for line in lines]
    assert [event["type"] for event in events] == ["partial", "final", "edit", "final", "edit"]
    assert (events[0]["stable"], events[0]["display_stable"]) == ("one", "")
    assert events[1]["text"] == events[1]["stable"] == "one period"
    assert events[1]["display"] == "One."
    assert [word["word"] for word in events[1]["words"]] == ["one", "period"]
    assert (events[4]["delete"], events[4]["insert"]) == (4, "")


def test_typing_without_dictation_joins_finals_and_changes_nothing_else(monkeypatch):
    paper = Paper()
    monkeypatch.setattr(dictation_module, "find_virtual_keyboard", lambda: paper)
    shown = run(
        OutputOptions(type=True, allow_typing=True),
        final("one period"),
        final("two", join=", "),
        Close(1, 2, 3.0, "."),
        final("three", join="\n\n"),
        told=[],
    )
    assert paper.text == "one period, two. three"
    assert shown == "one period,\ntwo.\n\nthree\n"


def test_typing_without_permission_is_an_error_before_anything_starts(tmp_path, monkeypatch):
    monkeypatch.setattr(dictation_module, "find_virtual_keyboard", Paper)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    path = tmp_path / "out.txt"
    with pytest.raises(UsageError, match="--allow-typing"):
        Outputs(OutputOptions(output=path, type=True), None, print)
    assert not path.exists()


def test_line_breaks_become_spaces_for_the_window_only(tmp_path, monkeypatch):
    paper = Paper()
    monkeypatch.setattr(dictation_module, "find_virtual_keyboard", lambda: paper)
    options = OutputOptions(dictation=True, type=True, allow_typing=True, no_enter=True)
    shown = run(options, spoken("one | new line | two"), told=[])
    assert (paper.text, shown) == ("One Two", "One\nTwo\n")


def test_stop_listening_is_a_request_to_stop():
    outputs = Outputs(OutputOptions(dictation=True), None, print)
    outputs.write(final("stop"))
    assert not outputs.stop_requested
    outputs.write(final("stop listening"))
    assert outputs.stop_requested


def test_the_users_commands_are_carried_out(tmp_path):
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "commands.toml").write_text('[replacements]\n"my name" = "Ada L."\n')
    shown = run(OutputOptions(dictation=True), spoken("i am | my name"), told=[])
    assert shown == "I am Ada L.\n"
    assert "my name" not in load_commands().commands


def test_an_unavailable_output_is_an_error_before_anything_starts(tmp_path, monkeypatch):
    monkeypatch.setattr(
        dictation_module, "find_virtual_keyboard", lambda: find_virtual_keyboard("linux", {})
    )
    monkeypatch.setattr(dictation_module, "find_clipboard", lambda: None)
    path = tmp_path / "out.txt"
    with pytest.raises(OutputError, match="no window"):
        Outputs(OutputOptions(output=path, type=True), None, print)
    assert not path.exists()
    with pytest.raises(UsageError, match="no program"):
        Outputs(OutputOptions(on_final="no-such-program-anywhere"), None, print)
    with pytest.raises(UsageError, match="no format 'html'"):
        Outputs(OutputOptions("html"), None, print)


def test_a_closed_pipe_does_not_keep_other_outputs_from_finishing(tmp_path):
    class Gone(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    path: Path = tmp_path / "out.txt"
    with (
        pytest.raises(BrokenPipeError),
        Outputs(
            OutputOptions(output=path, on_final=f"sh -c 'cat > {tmp_path}/got'"), Gone(), print
        ) as outputs,
    ):
        outputs.write(final("one"))
    assert path.read_text() == "one\n"


class Full(io.StringIO):
    """Standard output on a full disk."""

    def write(self, text: str) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_file_on_a_full_disk_is_said_once_and_everything_else_goes_on(capsys):
    stream = io.StringIO()
    with Outputs(OutputOptions(output=Path("/dev/full")), stream, print) as outputs:
        shown = [outputs.write(final(text)) for text in ("one", "two")]
    assert [[event.text for event in events] for events in shown] == [["one"], ["two"]]
    assert stream.getvalue() == "one\ntwo\n"
    assert outputs.failed
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: cannot write /dev/full (no space left on device) - ")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("shown", [False, True])
def test_a_file_on_a_full_disk_ends_it_only_if_the_words_are_nowhere_else(shown, capsys):
    outputs = Outputs(OutputOptions(output=Path("/dev/full")), None, print, shown=shown)
    assert [event.text for event in outputs.write(final("one"))] == ["one"]
    assert outputs.failed
    assert outputs.stop_requested is not shown
    outputs.write(final("two", join=", "))
    outputs.close()
    outputs.say_unsaved()
    error, *unsaved = capsys.readouterr().err.splitlines()
    assert error.startswith("error: cannot write /dev/full (no space left on device) - ")
    assert unsaved == ([] if shown else [HEADING, "one, two"])


def test_standard_output_on_a_full_disk_keeps_no_words_from_other_outputs(tmp_path, capsys):
    options = OutputOptions(on_final=f"sh -c 'cat > {tmp_path}/got'")
    with Outputs(options, Full(), print) as outputs:
        outputs.write(final("one"))
        outputs.write(final("two", join=". "))
        assert outputs.stop_requested
    assert outputs.failed
    outputs.say_unsaved()
    assert (tmp_path / "got").read_text() == "two\n"
    (error,) = capsys.readouterr().err.splitlines()
    assert error.startswith("error: cannot write standard output (no space left on device) - ")


@pytest.mark.parametrize(
    "options",
    [OutputOptions(format, partials=False) for format in FORMATS] + [OutputOptions(dictation=True)],
    ids=[*FORMATS, "dictation"],
)
def test_every_word_is_in_the_output_or_printed_when_the_disk_is_full(options, capsys):
    whole = run(options, *_talk(), told=[])
    for room in range(len("WEBVTT\n\n"), len(whole), 29):
        disk = Filling(room)
        outputs = Outputs(options, disk, print)
        for event in _talk():
            outputs.write(event)
        outputs.close()
        outputs.say_unsaved()
        error, *unsaved = capsys.readouterr().err.splitlines()
        assert error.startswith("error: cannot write standard output (no space left")
        assert unsaved[:1] in ([], [HEADING])
        assert _words(disk.getvalue() + " ".join(unsaved)) == _words(whole)


def _words(text: str) -> set[str]:
    return set(re.findall("word[0-9]{3}", text.lower()))


class Filling(io.StringIO):
    """Standard output on a disk with room for some characters."""

    def __init__(self, room: int) -> None:
        super().__init__()
        self._room = room

    def write(self, text: str) -> int:
        written = super().write(text[: self._room])
        self._room -= written
        if written < len(text):
            raise OSError(errno.ENOSPC, "No space left on device")
        return written


def _talk() -> list[Event]:
    """Return sentences of one to four utterances, each word once."""
    numbers = itertools.count()
    events: list[Event] = []
    for place, (words, join) in enumerate(
        [(3, ""), (1, " "), (2, ", "), (30, ". "), (1, " "), (1, " "), (4, "\n\n"), (2, "? ")]
    ):
        text = " ".join(f"word{next(numbers):03d}" for _ in range(words))
        events.append(final(text, place, 5.0 * place, 5.0 * place + 4.0, join=join))
        if place == 5:
            events.append(Close(place, 99, 5.0 * place + 5.0, "."))
    return [*events, Close(7, 100, 60.0, ".")]


def test_without_a_tool_for_typing_the_text_goes_to_the_clipboard(monkeypatch, capsys):
    class Clipboard:
        text = ""

        def copy(self, text: str) -> None:
            Clipboard.text = text

    monkeypatch.setattr(
        dictation_module, "find_virtual_keyboard", lambda: find_virtual_keyboard("linux", {})
    )
    monkeypatch.setattr(dictation_module, "find_clipboard", Clipboard)
    run(OutputOptions(type=True), final("one"), final("two", join=", "), told=[])
    assert Clipboard.text == "one, two"
    assert "the text goes to the clipboard" in capsys.readouterr().err


def test_a_filter_changes_what_is_displayed_and_not_what_was_said() -> None:
    shout = shlex.join([sys.executable, "-c", "print(input().upper())"])
    options = OutputOptions(format="jsonl", pipe=shout)
    told: list[str] = []
    line = json.loads(run(options, final("hello"), told=told))
    assert (line["text"], line["display"]) == ("hello", "HELLO")
    assert told == []
