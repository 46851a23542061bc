"""The real program in real pipelines.

Its network is tiny and random: it hears nonsense, but always the same.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import soundfile

import streamer.output
from streamer.cli.app import run
from tests.support.audio.recordings import babble
from tests.support.models.bundles import make_tiny_bundle

LIMIT_S = 300
#: Variables that make programs write colours, wrap lines or avoid characters.
HOSTILE: dict[str, str] = {
    "FORCE_COLOR": "1", "CLICOLOR_FORCE": "1", "TTY_COMPATIBLE": "1", "PY_COLORS": "1",
    "TERM": "xterm-256color", "COLUMNS": "20", "LC_ALL": "C", "PYTHONIOENCODING": "ascii",
}  # fmt: skip


class Program:
    """The program and its recordings, in a temporary folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        make_tiny_bundle(folder / "tiny", n_hidden=8)
        for number in (1, 2, 3):
            sound = babble(4.0)[number * 1000 :] * (0.3 + 0.2 * number)
            soundfile.write(folder / f"{number}.wav", sound, 16000)
        (folder / "bad.wav").write_bytes(b"this is not audio")
        shim = folder / "bin" / "streamer"
        shim.parent.mkdir()
        shim.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m streamer.cli.app "$@"\n')
        shim.chmod(0o755)
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("STREAMER_", "FORCE_"))}
        self.environment = {
            **clean,
            "PATH": f"{shim.parent}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(Path(streamer.output.__file__).parents[2]),
            "STREAMER_CONFIG": str(folder / "none.toml"),
            "STREAMER_MODEL": str(folder / "tiny"),
            "STREAMER_ONE_SHOT": "1",
            "STREAMER_BACKEND": "numpy",
            "STREAMER_DECODER": "greedy",  # letters tell recordings apart, a small lexicon does not
        }

    def run(self, line: str, check: bool = True, **environment: str):
        """Run a shell command and return its output."""
        done = subprocess.run(
            ["bash", "-o", "pipefail", "-c", line],
            cwd=self.folder,
            env={**self.environment, **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=LIMIT_S,
            check=False,
        )
        if check:
            assert (done.returncode, done.stderr) == (0, b""), done.stderr.decode()
        return done


pytestmark = pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")


@pytest.fixture(scope="module")
def program(tmp_path_factory) -> Program:
    return Program(tmp_path_factory.mktemp("pipes"))


@pytest.fixture(scope="module")
def said(program) -> list[str]:
    """The transcript of each recording."""
    files = (f"{number}.wav" for number in (1, 2, 3))
    lines = [program.run(f"streamer transcribe {f}").stdout.decode()[:-1] for f in files]
    assert len(set(lines)) == len(lines) == 3
    assert "\n" not in "".join(lines)
    assert all(line.strip() for line in lines)
    return lines


@pytest.mark.parametrize("format", ["text", "jsonl"])
def test_nothing_but_data_is_on_standard_output_whatever_the_environment_says(program, format):
    line = f"streamer transcribe --partials --format {format} 1.wav"
    plain = program.run(line, NO_COLOR="1", TERM="dumb").stdout
    coloured = program.run(line, **HOSTILE).stdout
    assert b"\x1b" not in plain and b"\r" not in plain
    if format == "jsonl":  # how long things took is measured, and differs
        assert [_without_measures(x) for x in plain.splitlines()] == [
            _without_measures(x) for x in coloured.splitlines()
        ]
    else:
        assert coloured == plain


def _without_measures(line: bytes) -> dict[str, object]:
    event = json.loads(line)
    return {k: v for k, v in event.items() if not k.endswith("_ms") and k != "real_time_factor"}


def test_text_has_one_line_per_final_and_marks_partials(program, said):
    lines = program.run("streamer transcribe --partials 1.wav").stdout.decode().splitlines()
    assert lines[-1] == said[0]
    assert len(lines) > 2
    assert all(line.startswith("~ ") for line in lines[:-1])


def test_json_lines_follow_the_schema_and_give_the_same_text(program, said):
    jsonschema = pytest.importorskip("jsonschema")
    schema = Path(streamer.output.__file__).with_name("events.schema.json").read_text()
    validator = jsonschema.Draft202012Validator(json.loads(schema))
    output = program.run("streamer transcribe --format jsonl 1.wav").stdout
    events = [json.loads(line) for line in output.splitlines()]
    for event in events:
        validator.validate(event)
    written = (e.get("join", "") + e["display"] for e in events if e["type"] in ("final", "close"))
    assert "".join(written) == said[0]
    assert [e["seq"] for e in events] == list(range(len(events)))
    stable = ""
    for event in events:
        if event["type"] in ("partial", "final"):
            assert event["text"].startswith(event["stable"])
            assert event["stable"].startswith(stable)
            stable = event["stable"]
    displayed = ""
    for event in events:
        if event["type"] == "partial":
            assert event["display"].startswith(event["display_stable"])
            assert event["display_stable"].startswith(displayed)
            displayed = event["display_stable"]
        elif event["type"] == "final":
            assert event["display"].startswith(displayed)
    assert len([e for e in events if e["type"] == "partial"]) > 2


def test_jq_selects_what_is_displayed(program, said):
    if shutil.which("jq") is None:
        pytest.skip("jq is not installed")
    run = "streamer transcribe --format jsonl 2.wav | "
    finals = run + """jq -r 'select(.type=="final").display'"""
    assert program.run(finals).stdout.decode() == said[1].rstrip(".") + "\n"
    text = run + """jq -j 'select(.type|IN("final", "close")) | (.join // "") + .display'"""
    assert program.run(text).stdout.decode() == said[1]


def test_tee_saves_the_transcript(program, said):
    passed = program.run("streamer transcribe 1.wav 2.wav | tee notes.txt").stdout
    assert (program.folder / "notes.txt").read_bytes() == passed
    assert passed.decode().splitlines() == ["==> 1.wav <==", said[0], "", "==> 2.wav <==", said[1]]


@pytest.mark.parametrize(
    "options", ["--partials 1.wav 2.wav 3.wav", "--format vtt 1.wav"], ids=["text", "vtt"]
)
def test_a_reader_that_closes_the_pipe_ends_it_quietly(program, options):
    reader = "'import sys; sys.stdin.readline()'"
    done = program.run(f"streamer transcribe {options} | '{sys.executable}' -c {reader}")
    assert done.stdout == b""


def test_head_takes_the_first_lines(program, said):
    output = program.run("streamer transcribe 1.wav 2.wav | head -2").stdout.decode()
    assert output.splitlines() == ["==> 1.wav <==", said[0]]


def test_raw_samples_and_wav_come_through_standard_input(program, said):
    samples, _ = soundfile.read(program.folder / "3.wav", dtype="int16")
    (program.folder / "raw").write_bytes(samples.astype("<i2").tobytes())
    assert program.run("cat raw | streamer transcribe -").stdout.decode() == said[2] + "\n"
    assert program.run("cat 3.wav | streamer transcribe -").stdout.decode() == said[2] + "\n"


@pytest.mark.parametrize(("format", "parse"), [("srt", "from_srt"), ("vtt", "read")])
def test_subtitles_redirected_to_a_file_are_valid(program, said, format, parse):
    webvtt = pytest.importorskip("webvtt")
    program.run(f"streamer transcribe --format {format} 1.wav > talk.{format}", **HOSTILE)
    cues = list(getattr(webvtt, parse)(str(program.folder / f"talk.{format}")))
    assert " ".join(cue.text.replace("\n", " ") for cue in cues) == said[0]
    assert [cue.start for cue in cues] == sorted(cue.start for cue in cues)


def test_one_unreadable_file_does_not_stop_the_rest_and_sets_the_exit_code(program, said):
    done = program.run(
        "streamer transcribe --format vtt --output-dir out 1.wav bad.wav missing.wav 2.wav",
        check=False,
    )
    assert done.returncode == 1
    assert done.stdout == b""
    errors = done.stderr.decode().splitlines()
    assert len(errors) == 2
    assert all(line.startswith("error: ") and " - " in line for line in errors)
    assert "bad.wav" in errors[0] and "missing.wav" in errors[1]
    for number in (1, 2):
        text = (program.folder / "out" / f"{number}.vtt").read_text()
        assert text.startswith("WEBVTT\n\n")
        heard = text.split("\n", 3)[3].replace("\n", " ").strip()
        assert heard == said[number - 1]


def test_an_unreadable_file_leaves_an_older_transcript_and_writes_no_empty_one(program):
    folder = program.folder / "kept"
    folder.mkdir()
    (folder / "bad.txt").write_text("of last week\n")
    done = program.run(
        "streamer transcribe --output-dir kept bad.wav missing.wav 1.wav", check=False
    )
    assert done.returncode == 1
    assert sorted(path.name for path in folder.iterdir()) == ["1.txt", "bad.txt"]
    assert (folder / "bad.txt").read_text() == "of last week\n"


def test_a_folder_is_transcribed_recording_by_recording(program, said):
    inside = program.folder / "folder" / "deeper"
    inside.mkdir(parents=True)
    shutil.copy(program.folder / "1.wav", inside.parent)
    shutil.copy(program.folder / "2.wav", inside)
    output = program.run("streamer transcribe folder").stdout.decode()
    headings = ["==> folder/1.wav <==", "==> folder/deeper/2.wav <=="]
    assert output.splitlines() == [headings[0], said[0], "", headings[1], said[1]]


@pytest.mark.parametrize(
    "arguments",
    [
        ["--format", "srt", "1.wav", "2.wav"],
        ["--output", "both.srt", "1.wav", "2.wav"],
        ["--format", "html", "1.wav"],
        ["--output", "1.wav", "1.wav"],
        ["--output", "x", "--output-dir", "y", "1.wav"],
        ["--on-final", "no-such-program-anywhere", "1.wav"],
        ["--on-final", "echo 'x", "1.wav"],
    ],
)
def test_conflicting_options_are_a_usage_error(program, arguments, monkeypatch, capsys):
    for name, value in program.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(program.folder)
    before = Path("1.wav").read_bytes()
    assert run(["transcribe", *arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("error: ") and err.count("\n") == 1 and " - " in err
    assert Path("1.wav").read_bytes() == before


def test_output_writes_a_copy_in_the_format_of_its_suffix(program, said):
    output = program.run("streamer transcribe --output copy.jsonl --timestamps 1.wav").stdout
    assert output.decode().startswith("[00:00:00.000 --> ")
    assert output.decode().endswith(f"] {said[0]}\n")
    lines = (program.folder / "copy.jsonl").read_text().splitlines()
    shown = [json.loads(line) for line in lines]
    assert [e["display"] for e in shown if e["type"] == "final"] == [said[0].rstrip(".")]
    assert [e["display"] for e in shown if e["type"] == "close"] == ["."]


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_a_killed_program_loses_nothing_that_was_shown(program):
    files = ["1.wav", "2.wav", "3.wav"] * 30
    with subprocess.Popen(
        [sys.executable, "-m", "streamer.cli.app", "transcribe", "--output", "kept.txt", *files],
        cwd=program.folder,
        env=program.environment,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        shown = [process.stdout.readline() for _ in range(3)]
        process.kill()
        shown += process.stdout.readlines()
    assert process.returncode == -signal.SIGKILL
    kept = (program.folder / "kept.txt").read_text().splitlines(keepends=True)
    assert kept[: len(shown)] == shown


def test_a_command_gets_each_final(program, said):
    program.run("streamer transcribe --on-final 'tee -a got.txt' 1.wav 2.wav 2> chatter")
    assert (program.folder / "got.txt").read_text().splitlines() == said[:2]
    assert (program.folder / "chatter").read_text().splitlines() == said[:2]


def test_dictation_is_continuous_text_and_json_lines_have_its_edits(program, said):
    output = program.run("streamer transcribe --dictation 1.wav").stdout.decode()
    assert output.count("\n") == 1
    assert output.lower().rstrip("\n") == said[0]
    output = program.run("streamer transcribe --dictation --format jsonl 1.wav").stdout.decode()
    edits = [json.loads(line) for line in io.StringIO(output) if '"edit"' in line]
    assert "".join(edit["insert"] for edit in edits).lower() == said[0]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_one_error_and_no_text_is_lost(program, said):
    def errors(line: str) -> tuple[list[str], list[str]]:
        done = program.run(f"streamer transcribe --one-shot {line}", check=False)
        assert done.returncode == 1
        error, *unsaved = done.stderr.decode().splitlines()
        assert error.startswith("error: cannot write ")
        return done.stdout.decode().splitlines()[1::3], unsaved

    printed = ["words that could not be written:", said[0]]
    assert errors("1.wav > /dev/full") == ([], printed)
    assert errors("1.wav 2.wav > /dev/full") == ([], printed)
    assert errors("1.wav 2.wav -o /dev/full") == (said[:2], [])
    assert errors("1.wav 2.wav -o /dev/full >&-") == ([], printed)
    (program.folder / "full").mkdir()
    (program.folder / "full" / "1.txt").symlink_to("/dev/full")
    assert errors("1.wav 2.wav --output-dir full") == ([], printed)


# One bad file never ends a batch


@pytest.fixture(scope="module")
def odd(program) -> Path:
    """A folder of inputs that cannot be read, or not as they are."""
    folder = program.folder / "odd"
    folder.mkdir()
    (folder / "x.raw").write_bytes(bytes(3200))
    (folder / "hertz.wav").write_bytes((program.folder / "1.wav").read_bytes())
    with open(folder / "hertz.wav", "r+b") as file:
        file.seek(24)
        file.write(b"\1\0\0\0")
    (folder / "diary.mp4").write_text("Dear diary\n" * 100)
    (folder / "link.wav").symlink_to("nowhere")
    if hasattr(os, "mkfifo"):
        os.mkfifo(folder / "pipe.wav")
    return folder


def test_each_bad_file_is_one_line_and_the_others_are_transcribed(program, odd, said):
    bad = sorted(path.name for path in odd.iterdir())
    files = " ".join(f"odd/{name} 1.wav" for name in bad)
    done = program.run(
        f"streamer transcribe --one-shot {files} https://example.org/x.mp3", check=False
    )
    assert done.returncode == 1
    errors = done.stderr.decode().splitlines()
    assert len(errors) == len(bad) + 1
    for name, error in zip([*bad, "https"], errors):
        assert error.startswith("error: ") and name in error and " - " in error
    assert done.stdout.decode().splitlines().count(said[0]) == len(bad)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such names")
def test_names_that_are_not_utf_8_are_transcribed(program, said):
    shutil.copy(
        os.fsencode(program.folder / "1.wav"), os.fsencode(program.folder) + b"/M\xfcller.wav"
    )
    name = r"$'M\xfcller.wav'"
    output = program.run(f"streamer transcribe {name} 2.wav").stdout.decode()
    expected = [r"==> M\xfcller.wav <==", said[0], "", "==> 2.wav <==", said[1]]
    assert output.splitlines() == expected
    program.run(f"streamer transcribe --output-dir latin {name} 2.wav", **HOSTILE)
    assert len(list((program.folder / "latin").iterdir())) == 2
    line = f"streamer transcribe --format jsonl {name} 2.wav"
    files = [
        json.loads(x)["file"] for x in program.run(line).stdout.splitlines() if b'"final"' in x
    ]
    assert files == [r"M\xfcller.wav", "2.wav"]


def test_an_unexpected_fault_of_one_file_does_not_end_the_batch(program, said, monkeypatch, capsys):
    from streamer.audio.sources.recording import RecordingSource

    for name, value in program.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(program.folder)
    read = RecordingSource.read

    def fails(self):
        if self.name == "1.wav":
            raise MemoryError
        if self.name == "2.wav":
            raise ZeroDivisionError("in the middle")
        return read(self)

    monkeypatch.setattr(RecordingSource, "read", fails)
    assert run(["transcribe", "1.wav", "2.wav", "3.wav"]) == 1
    out, err = capsys.readouterr()
    assert said[2] in out.splitlines()
    memory, fault = err.splitlines()
    assert memory.startswith("error: not enough memory for 1.wav - ")
    assert "2.wav" in fault and "ZeroDivisionError" in fault and " - " in fault


@pytest.mark.skipif(sys.platform != "linux", reason="needs ulimit -v")
@pytest.mark.parametrize("limit_kb", [100_000, 180_000, 200_000, 215_000, 300_000])
def test_too_little_memory_is_one_line(program, limit_kb):
    done = program.run(f"ulimit -v {limit_kb}; streamer transcribe 1.wav", check=False)
    assert done.returncode == 1
    assert done.stderr.decode().startswith("error: not enough memory")
    assert done.stderr.count(b"\n") == 1


# Nothing is silently nothing


def test_a_file_in_which_nothing_was_heard_is_named(program):
    soundfile.write(program.folder / "silence.wav", [0.0] * 32000, 16000)
    line = "streamer transcribe silence.wav"
    done = program.run(line, check=False, STREAMER_ONE_SHOT="0")
    assert (done.returncode, done.stdout) == (0, b"")
    assert done.stderr.decode() == "nothing was heard in silence.wav\n"


def test_skipped_files_of_a_folder_are_counted(program, said):
    folder = program.folder / "mixed"
    folder.mkdir()
    shutil.copy(program.folder / "1.wav", folder)
    for name in ("a.txt", "b.pdf", "c.jpg", "d.doc", ".hidden"):
        (folder / name).touch()
    done = program.run("streamer transcribe mixed", check=False)
    assert done.stdout.decode() == said[0] + "\n"
    skipped = "skipped 4 files in mixed, no recordings by name: a.txt, b.pdf, c.jpg, ...\n"
    assert (done.returncode, done.stderr.decode()) == (0, skipped)


@pytest.mark.parametrize(("options", "says"), [
    ("-o x.json", "JSON lines"), ("-o x.docx", "plain text"), ("--format text -o x.srt", "srt"),
])  # fmt: skip
def test_the_format_of_the_file_follows_its_name_and_is_said(program, said, options, says):
    done = program.run(f"streamer transcribe {options} 1.wav", check=False)
    assert done.returncode == 0 and done.stdout.decode() == said[0] + "\n"
    assert says in done.stderr.decode() and done.stderr.count(b"\n") == 1
    content = (program.folder / options.split()[-1]).read_text()
    assert content.startswith({"JSON lines": "{", "plain text": said[0], "srt": "1\n"}[says])


@pytest.mark.parametrize(("options", "without_effect"), [
    ("--format srt --timestamps", ["--timestamps"]), ("--format vtt --partials", ["--partials"]),
    ("--format jsonl --timestamps --partials", ["--timestamps"]),
    ("--format srt --timestamps --partials", ["--timestamps", "--partials"]),
    ("--format srt --no-partials", []), ("--timestamps --partials -o 1.srt", []),
])  # fmt: skip
def test_an_option_that_changes_nothing_in_a_format_is_named(program, options, without_effect):
    done = program.run(f"streamer transcribe {options} 1.wav", check=False)
    lines = done.stderr.decode().splitlines()
    assert done.returncode == 0
    assert [line.split()[0] for line in lines if "has no effect: " in line] == without_effect


def test_a_recording_without_a_command_is_transcribed(program, said):
    assert program.run("streamer 1.wav").stdout.decode() == said[0] + "\n"
    assert program.run("streamer --partials 1.wav").stdout.decode().endswith(said[0] + "\n")
    assert program.run("cat 2.wav | streamer -").stdout.decode() == said[1] + "\n"
    done = program.run("streamer gone.flac", check=False)
    assert "there is no file gone.flac" in done.stderr.decode()
