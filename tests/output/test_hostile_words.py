"""Words, marks and names with control characters, through every format and every print."""

from __future__ import annotations

import ast
import io
import unicodedata
from pathlib import Path

import pytest

from streamer.cli.app import run
from streamer.events import Close, Final, Partial, Word
from streamer.output.edit import Edit
from streamer.output.writers import FORMATS, create_writer
from tests.support.paths import ROOT

#: Clears the screen, sets the title, goes back, reverses the order, ends a cue, opens a tag.
HOSTILE = "x\x1b[2J\x1b]0;owned\x07\x9b31m\r\x08\u202egpj\u2066y-->z<b>{\\an8}\u2028"


def assert_harmless(text: str) -> None:
    for character in text.replace("\n", "").replace("\t", ""):
        assert unicodedata.category(character) not in ("Cc", "Cs", "Zl", "Zp"), repr(character)
        assert unicodedata.bidirectional(character) not in ("RLO", "LRI", "LRO", "RLI")


def events() -> list[Partial | Final | Close]:
    words = (Word(HOSTILE, 0.5, 1.0, 0.9), Word(HOSTILE, 1.0, 1.5, 0.9))
    text = f"{HOSTILE} {HOSTILE}"
    partial = Partial(0, 0, 0.0, 1.5, text, "", words, (HOSTILE,), None, text)
    final = Final(0, 1, 0.0, 1.5, text, text, words, (HOSTILE,), None, text, engine=HOSTILE)
    return [partial, final, Final(1, 2, 2.0, 3.0, text, text, (), (), None, text)]


@pytest.mark.parametrize("flags", [{}, {"timestamps": True}, {"partials": True}, {"marks": False},
                                   {"appending": True}], ids=str)  # fmt: skip
@pytest.mark.parametrize("format", FORMATS)
def test_no_word_controls_the_terminal(format: str, flags: dict[str, bool]) -> None:
    stream = io.StringIO()
    writer = create_writer(format, stream, **flags)  # type: ignore[arg-type]
    for event in events():
        writer.write(event)
    writer.close()
    assert "owned" in stream.getvalue()
    assert_harmless(stream.getvalue())


def test_no_word_of_dictation_does_either_and_deleting_still_counts(tmp_path: Path) -> None:
    path = tmp_path / "prose.txt"
    with path.open("w", encoding="utf-8", newline="\n") as stream:
        writer = create_writer("text", stream, flowing=True)
        writer.write(Edit(0, 0, f"kept {HOSTILE}"))
        writer.write(Edit(0, len(HOSTILE), "gone"))
        writer.close()
        assert path.read_text(encoding="utf-8") == "kept gone\n"
        writer.write(Edit(0, 0, HOSTILE))
    assert_harmless(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("format", ["srt", "vtt"])
def test_no_word_ends_a_cue_or_opens_a_tag(format: str) -> None:
    stream = io.StringIO()
    writer = create_writer(format, stream)
    for event in events():
        writer.write(event)
    writer.close()
    for line in stream.getvalue().splitlines():
        if "x" in line or "owned" in line:
            assert "-->" not in line and "<" not in line


def test_what_write_reads_is_escaped(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Input:
        buffer = io.BytesIO(f"hello {HOSTILE} world\n\n{HOSTILE}\n".encode() + b"\xff\x9b\n")

    monkeypatch.setattr("sys.stdin", Input())
    assert run(["write"]) == 0
    out, err = capsys.readouterr()
    assert "owned" in out.lower()
    assert_harmless(out + err)


@pytest.mark.parametrize("content", [
    f'model = "{HOSTILE}"', f'"{HOSTILE}" = 1', f'format = "{HOSTILE}"', f'["{HOSTILE}"]\nx = 1',
    HOSTILE, f'word = ["{HOSTILE}=x"]',
])  # fmt: skip
def test_no_value_of_the_config_does(
    content: str, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    escaped = content.encode("unicode_escape").decode().replace("\\x", "\\u00")
    for number, text in enumerate((content, escaped.replace("\\n", "\n"))):
        path = tmp_path / f"{number}.toml"
        path.write_text(text, encoding="utf-8")
        monkeypatch.setenv("STREAMER_CONFIG", str(path))
        assert run(["transcribe", "none.wav"]) != 0
        out, err = capsys.readouterr()
        assert err.startswith("error:") and err.count("\n") == 1
        assert_harmless(out + err)


#: Prints of what no user and no file chose: numbers, versions, JSON, and paths for other programs.
#: Doctor colours its marks, so it escapes what it found itself (tests/cli/test_doctor.py).
PLAIN = {
    "cli/english.py", "cli/first_run.py", "cli/app.py", "cli/support/messages.py",
    "cli/commands/machine/bench.py", "cli/commands/machine/bench_start.py",
    "cli/commands/machine/bench_units.py", "cli/commands/machine/config.py",
    "cli/commands/machine/doctor.py",
    "cli/commands/model/models.py",
}  # fmt: skip


def test_every_other_print_of_the_command_line_goes_through_the_one_that_escapes() -> None:
    package = ROOT / "streamer"
    found = {
        path.relative_to(package).as_posix()
        for path in (package / "cli").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "print"
    }
    assert found <= PLAIN
