"""Files that streamer places are their owner's only; those that the user names follow the umask."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from streamer.acoustic.coreml_cache import compile_into, compiled_model
from streamer.models.compute_units import Measurement, remember
from streamer.output import OutputFile
from streamer.private_files import (
    make_private_folder,
    mark_used,
    private_opener,
    prune_cache,
    write_private_file,
)
from streamer.terminal import save_transcript
from tests.support.paths import ROOT
from tests.support.terminal.command_line import command, environment

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has no modes of files")

#: Parts that create folders for the user only, where the user names them.
WHERE_THE_USER_SAYS = ("archive", "training", "convert", "output", "saving", "private_files.py")


@pytest.fixture(autouse=True)
def generous_umask() -> Iterator[None]:
    """The umask that would let everybody read and write everything."""
    before = os.umask(0)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_a_private_folder_and_those_above_it_are_for_their_owner(tmp_path: Path) -> None:
    folder = tmp_path / "one" / "two" / "three"
    make_private_folder(folder)
    make_private_folder(folder)
    assert [mode(each) for each in (folder, folder.parent, folder.parent.parent)] == [0o700] * 3


def test_a_folder_that_exists_keeps_its_mode(tmp_path: Path) -> None:
    folder = tmp_path / "shared"
    folder.mkdir(mode=0o755)
    make_private_folder(folder)
    assert mode(folder) == 0o755


def test_a_file_in_the_place_of_a_folder_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OSError):
        make_private_folder(tmp_path / "file" / "folder")
    with pytest.raises(OSError):
        make_private_folder(tmp_path / "file")


def test_a_file_that_the_opener_creates_is_private(tmp_path: Path) -> None:
    with open(tmp_path / "file", "w", opener=private_opener) as file:
        file.write("words")
    assert mode(tmp_path / "file") == 0o600


def test_a_private_file_is_written_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "file"
    write_private_file(file, b"first")
    assert (file.read_bytes(), mode(file)) == (b"first", 0o600)

    def broken(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", broken)
    with pytest.raises(OSError, match="No space"):
        write_private_file(file, b"second")
    assert [each.name for each in tmp_path.iterdir()] == ["file"]
    assert file.read_bytes() == b"first"


def test_the_tests_have_a_cache_of_their_own(tmp_path: Path) -> None:
    assert "streamer-tests-" in environment({})["XDG_CACHE_HOME"]


def test_a_transcript_saved_from_the_live_view_is_private(tmp_path: Path) -> None:
    assert mode(save_transcript("words", tmp_path)) == 0o600


@pytest.mark.parametrize(("umask", "expected"), [(0o022, 0o644), (0o007, 0o660), (0o077, 0o600)])
def test_the_users_own_output_follows_the_umask(umask: int, expected: int, tmp_path: Path) -> None:
    os.umask(umask)
    output = OutputFile(tmp_path / "talk.txt", "text")
    output.close()
    assert mode(tmp_path / "talk.txt") == expected


class Compiler:
    """A Core ML that compiles by copying."""

    def compile_model(self, path: str, target: str) -> str:
        Path(target).mkdir()
        return target


def test_compiled_models_are_in_a_private_folder(tmp_path: Path) -> None:
    (tmp_path / "network.mlmodel").write_bytes(b"network")
    cache = tmp_path / "cache" / "compiled"

    def first_load(model: Path, compiled: Path, compute_units: str) -> None:
        compile_into(Compiler(), model, compiled)  # type: ignore[arg-type]

    compiled_model(tmp_path / "network.mlmodel", "ALL", first_load, cache)
    assert mode(cache) == mode(cache.parent) == 0o700


def test_remembered_compute_units_are_private(tmp_path: Path) -> None:
    (tmp_path / "network.mlmodel").write_bytes(b"network")
    found = Measurement("network.mlmodel", "CPU_ONLY", 1.0, 1.0, 100)
    file = remember(tmp_path / "network.mlmodel", found, tmp_path / "cache")
    assert (mode(file), mode(file.parent)) == (0o600, 0o700)


def test_the_config_file_is_private(tmp_path: Path) -> None:
    file = tmp_path / "streamer" / "config.toml"
    env = environment({"STREAMER_CONFIG": str(file)})
    subprocess.run(command("config", "--init"), env=env, check=True, capture_output=True)
    assert (mode(file), mode(file.parent)) == (0o600, 0o700)


def makes_private(call: ast.Call) -> bool:
    """Whether the call of ``mkdir`` says ``mode=0o700``."""
    return any(
        each.arg == "mode" and isinstance(each.value, ast.Constant) and each.value.value == 0o700
        for each in call.keywords
    )


def test_no_other_code_makes_folders_for_everybody() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in (ROOT / "streamer").rglob("*.py")
        if path.relative_to(ROOT / "streamer").parts[0] not in WHERE_THE_USER_SAYS
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in ("mkdir", "makedirs")
        and not makes_private(node)
    ]
    # A bundle in the private temporary folder of an installation.
    assert [each.rpartition(":")[0] for each in found] == ["streamer/models/registry.py"]


def test_nothing_said_is_written_to_a_log(tmp_path: Path) -> None:
    """Not to standard error, which services keep, nor through Python's logging."""
    program = (
        "import logging, sys; logging.basicConfig(level=0, stream=sys.stderr);"
        "from streamer.cli.app import main; main()"
    )
    sample = ROOT / "assets" / "english" / "sample.flac"
    output = tmp_path / "words"
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-c", program, "transcribe", sample, "--output", output],
        env=environment(),
        capture_output=True,
        check=True,
    )
    said = {word for word in done.stdout.decode().split() if len(word) > 4}
    assert "princess" in said
    assert not said & set(done.stderr.decode().replace(":", " ").split())


def cached(folder: Path, name: str, used: int, size: int = 10) -> Path:
    """A folder as an entry of a cache, used at a time."""
    entry = folder / name
    (entry / "inner").mkdir(parents=True)
    (entry / "inner/weights").write_bytes(bytes(size))
    os.utime(entry, (used, used))
    return entry


def test_a_cache_keeps_what_was_used_last(tmp_path: Path) -> None:
    for number in range(5):
        cached(tmp_path, f"{number}.mlmodelc", 1000 + number)
    other = cached(tmp_path, "0.mlpackage", 1)
    mark_used(tmp_path / "1.mlmodelc")
    prune_cache(tmp_path, ".mlmodelc", most=3)
    assert sorted(path.name for path in tmp_path.glob("*.mlmodelc")) == [
        "1.mlmodelc",
        "3.mlmodelc",
        "4.mlmodelc",
    ]
    assert other.is_dir() and not list(tmp_path.glob("*.part"))


def test_a_cache_of_large_entries_keeps_the_newest(tmp_path: Path) -> None:
    cached(tmp_path, "small.mlmodelc", 1000)
    newest = cached(tmp_path, "large.mlmodelc", 2000, size=100_000)
    left = cached(tmp_path, "tmp.part", 1)
    writing = cached(tmp_path, "other.part", int(newest.parent.stat().st_mtime))
    prune_cache(tmp_path, ".mlmodelc", most=8, most_bytes=50_000)
    assert list(tmp_path.glob("*.mlmodelc")) == [newest]
    assert not left.exists() and writing.exists()
