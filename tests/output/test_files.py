"""Transcripts in files."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from streamer.errors import OutputError, UsageError
from streamer.output import OutputFile, expand_inputs, output_paths
from streamer.output import files as files_module
from streamer.output.streams import ReaderStalledError
from tests.support.events import final, partial


def test_each_final_is_on_the_disk_before_it_is_shown(tmp_path, monkeypatch):
    synchronised = []
    real = os.fsync

    def fsync(descriptor: int) -> None:
        real(descriptor)
        synchronised.append((tmp_path / "out.txt").read_text())

    monkeypatch.setattr(files_module.os, "fsync", fsync)
    output = OutputFile(tmp_path / "out.txt", "text")
    output.write(partial("on"))
    assert synchronised == []
    output.write(final("one"))
    output.write(final("two"))
    assert synchronised == ["one", "one\ntwo"]
    output.close()
    output.close()


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_a_killed_process_loses_nothing_that_was_shown(tmp_path):
    program = textwrap.dedent(
        """
        import sys
        from pathlib import Path
        from streamer.cli.support.outputs import OutputOptions, Outputs
        from streamer.events import Final
        options = OutputOptions(output=Path(sys.argv[1]))
        outputs = Outputs(options, sys.stdout, print)
        for number in range(10**9):
            outputs.write(Final(number, number, 0, 1, f"final {number}", f"final {number}"))
        """
    )
    path = tmp_path / "out.txt"
    with subprocess.Popen(
        [sys.executable, "-c", program, str(path)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        shown = [process.stdout.readline() for _ in range(20)]
        process.send_signal(signal.SIGKILL)
        shown += process.stdout.readlines()
    kept = path.read_text().splitlines(keepends=True)
    assert len(shown) >= 20
    assert kept[: len(shown)] == shown


def test_the_recording_is_never_overwritten(tmp_path):
    recording = tmp_path / "talk.wav"
    recording.write_bytes(b"RIFF")
    os.symlink(recording, tmp_path / "link.txt")
    with pytest.raises(UsageError, match="is the recording itself"):
        OutputFile(tmp_path / "link.txt", "text", inputs=[recording])
    assert recording.read_bytes() == b"RIFF"


def test_a_file_that_cannot_be_opened_is_one_error(tmp_path):
    with pytest.raises(OutputError, match=r"cannot write .*missing.*no such file"):
        OutputFile(tmp_path / "missing" / "out.txt", "text")
    with pytest.raises(OutputError, match=r"is a directory\) - name a file in it"):
        OutputFile(tmp_path, "text")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("format", ["text", "vtt"])
def test_a_full_disk_is_one_error(format):
    with pytest.raises(OutputError, match="no space left"):
        output = OutputFile(Path("/dev/full"), format)
        output.write(final("one"))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_named_pipe_is_a_file_too(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with subprocess.Popen(["cat", str(tmp_path / "pipe")], stdout=subprocess.PIPE) as reader:
        output = OutputFile(tmp_path / "pipe", "text")
        output.write(final("one"))
        output.close()
        assert reader.communicate()[0] == b"one\n"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_the_reader_of_a_named_pipe_is_waited_for_until_the_program_shall_end(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    asked = []

    def ending() -> bool:
        asked.append(None)
        return len(asked) > 2

    with pytest.raises(ReaderStalledError):
        OutputFile(pipe, "text", ending=ending)
    assert len(asked) == 3
    # A reader that takes nothing.
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    output = OutputFile(pipe, "text", ending=lambda: True)
    output.write(final("one"))
    assert os.read(reader, 100).startswith(b"one")
    with pytest.raises(ReaderStalledError):
        for _ in range(100):
            output.write(final("two " * 1000))
    output.close()
    os.close(reader)


def test_a_folder_is_replaced_by_the_recordings_below_it(tmp_path):
    for name in ("b.WAV", "a.flac", "notes.txt", "deep/c.mp3", "deep/d.wav.part"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = expand_inputs([Path("missing.wav"), tmp_path])
    assert [p.name for p in found] == ["missing.wav", "a.flac", "b.WAV", "c.mp3"]
    with pytest.raises(UsageError, match="contains no recording"):
        (tmp_path / "empty").mkdir()
        expand_inputs([tmp_path / "empty"])


def test_outputs_are_named_after_inputs_and_never_collide(tmp_path):
    inputs = [Path("a/talk.flac"), Path("b/Talk.mp3"), Path("-"), Path("talk-2.wav"), Path("x.y.z")]
    paths = output_paths(tmp_path / "new" / "out", inputs, "vtt")
    names = [p.name for p in paths]
    assert names == ["talk.vtt", "Talk-2.vtt", "stdin.vtt", "talk-2-2.vtt", "x.y.vtt"]
    assert len({name.lower() for name in names}) == len(inputs)
    assert (tmp_path / "new" / "out").is_dir()


def test_a_folder_that_cannot_be_created_is_one_error(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot create the folder"):
        output_paths(tmp_path / "file" / "out", [Path("a.wav")], "text")


def test_a_folder_without_permission_is_said_and_the_others_are_searched(tmp_path, monkeypatch):
    for name in ("open/a.wav", "locked/b.wav"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).touch()
    scandir = os.scandir

    def refuse(path):  # a mode of 0 does not stop the superuser
        if Path(path).name == "locked":
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    said = []
    found = expand_inputs([tmp_path], fail=said.append)
    assert [path.name for path in found] == ["a.wav"]
    (line,) = said
    assert f"the folder {tmp_path / 'locked'} cannot be read (permission denied) - " in line


def test_a_read_only_disk_is_one_error_before_anything_is_written(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(OutputError, match=r"cannot write .*read-only file system"):
        OutputFile(tmp_path / "out.txt", "text")
    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(OutputError, match=r"cannot create .*read-only file system"):
        output_paths(tmp_path / "out", [Path("a.wav")], "text")
