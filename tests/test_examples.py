"""Every example runs as it stands, in an empty folder, and hears what the sample says."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.conftest import SHARED, needs_shared
from tests.support.paths import ROOT
from tests.support.written import spoken

pytestmark = pytest.mark.slow  # each one loads the model

EXAMPLES = ROOT / "examples"
SAMPLE = ROOT / "assets/english/sample.flac"
#: Words that the bundled model hears in the sample.
HEARD = "some fault in her of course he could not marry a mere woman"


class Sandbox:
    """An empty folder as working directory and home, with `streamer` on the PATH."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        programs = folder / "bin"
        programs.mkdir()
        self.add_program("streamer", f'exec {shlex.quote(sys.executable)} -m streamer "$@"')
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith("STREAMER_")
        }
        self._environment = {
            **kept,
            "HOME": str(folder),
            "XDG_CONFIG_HOME": str(folder / "config"),
            "XDG_CACHE_HOME": str(folder / "cache"),
            "XDG_DATA_HOME": str(folder / "data"),
            "PYTHONPATH": str(ROOT),
            "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
        }

    def add_program(self, name: str, commands: str) -> None:
        program = self.folder / "bin" / name
        program.write_text(f"#!/bin/sh\n{commands}\n", encoding="utf-8")
        program.chmod(0o755)

    def run(self, argv: Sequence[str]) -> str:
        """Run a program; return its standard output."""
        done = subprocess.run(
            argv, cwd=self.folder, env=self._environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture
def sandbox(tmp_path: Path) -> Sandbox:
    return Sandbox(tmp_path)


def test_the_table_names_every_example() -> None:
    table = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    named = set(re.findall(r"\]\(([\w./-]+)\)", table))
    files = {
        path.relative_to(EXAMPLES).as_posix()
        for path in EXAMPLES.rglob("*")
        if path.is_file()
        and path.name != "README.md"
        and not {"__pycache__", ".build"} & set(path.parts)
    }
    assert named == files


@needs_shared
def test_the_guide_step_by_step(sandbox: Sandbox) -> None:
    pytest.importorskip("tensorflow", reason="TensorFlow is not installed")
    pytest.importorskip("coremltools", reason="coremltools is not installed")
    graphs = [SHARED / f"reference/ds_v0.9.3_n64_{kind}.pb" for kind in ("static", "dynamic")]
    guide = str(EXAMPLES / "guide.py")
    output = sandbox.run([sys.executable, guide, *map(str, graphs), str(SAMPLE)])
    said = dict(re.findall(r"^(\d)\. (?:.*\n)((?:   .*\n)*)", output, re.MULTILINE))
    assert said["1"].split("streamer:")[0].split()[1:] == said["1"].split("streamer:")[1].split()
    assert "a loop" in said["2"] and "no loop" in said["2"]
    page, ours, whole = re.findall(r"(\d+) of (\d+) steps: (.*)", said["3"] + said["4"])
    # The page's loop leaves the tail out; ours and the dynamic model's single call do not.
    assert int(page[0]) < int(page[1]) and ours[0] == ours[1] == whole[0]
    assert ours == whole and ours[2].startswith(page[2])
    assert "dynamic: any number of steps" in said["4"] and "getShape (1)" in said["4"]
    assert said["5"].count("(1, 16, 19, 26)") == 2
    errors = re.findall(r"largest difference from .*: (.*)", output)
    assert len(errors) == 2 and max(map(float, errors)) < 1e-6


def test_convert_and_loop(sandbox: Sandbox) -> None:
    lines = sandbox.run([sys.executable, str(EXAMPLES / "convert_and_loop.py")]).splitlines()
    assert lines[-1].startswith("final: ") and HEARD in lines[-1]
    assert len(lines) == 1 + 39 + 1, "the conversion, a line for each window, the final"
    if lines[0].startswith("converted"):
        assert (sandbox.folder / "english.mlpackage").is_dir()
    else:
        assert "pip install" in lines[0]


@pytest.mark.parametrize("name, arguments", [("feed_samples", []), ("asynchronous", [SAMPLE])])
def test_programs(sandbox: Sandbox, name: str, arguments: list[Path]) -> None:
    argv = [sys.executable, str(EXAMPLES / f"{name}.py"), *map(str, arguments)]
    assert HEARD in sandbox.run(argv)


def test_the_cells_of_the_notebook_run_from_top_to_bottom(sandbox: Sandbox) -> None:
    notebook = json.loads((EXAMPLES / "tour.ipynb").read_text(encoding="utf-8"))
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert code and not any(cell["outputs"] for cell in code), "commit it without outputs"
    script = "\n".join("".join(cell["source"]) for cell in code)
    assert HEARD in sandbox.run([sys.executable, "-c", script])


# Windows has no sh.
@pytest.mark.skipif(os.name != "posix", reason="the recipes are for a POSIX shell")
class TestShell:
    def run(self, sandbox: Sandbox, recipe: str, *arguments: object) -> str:
        return sandbox.run(["sh", str(EXAMPLES / "shell" / recipe), *map(str, arguments)])

    @pytest.mark.skipif(shutil.which("jq") is None, reason="jq is not installed")
    def test_jq_prints_times_and_words(self, sandbox: Sandbox) -> None:
        rows = [row.split("\t") for row in self.run(sandbox, "jq.sh", SAMPLE).splitlines()]
        assert rows and all(0 <= float(start) < 12.3 for start, _ in rows)
        assert all(word.isalpha() for _, word in rows)

    def test_tee_prints_and_keeps(self, sandbox: Sandbox) -> None:
        shown = self.run(sandbox, "tee.sh", "notes.txt", SAMPLE)
        assert HEARD in spoken(shown)
        assert (sandbox.folder / "notes.txt").read_text(encoding="utf-8") == shown

    def test_notify_gives_the_sentence_to_the_notification(self, sandbox: Sandbox) -> None:
        sandbox.add_program("notify-send", 'printf "%s\\n" "$@" > notified')
        self.run(sandbox, "notify.sh", SAMPLE)
        title, text = (sandbox.folder / "notified").read_text(encoding="utf-8").splitlines()
        assert title == "Heard" and HEARD in spoken(text)

    def test_srt_puts_subtitles_beside_recordings(self, sandbox: Sandbox) -> None:
        talks = sandbox.folder / "talks"
        talks.mkdir()
        shutil.copy(SAMPLE, talks)
        self.run(sandbox, "srt.sh", talks)
        (subtitles,) = talks.glob("*.srt")
        text = subtitles.read_text(encoding="utf-8")
        assert text.startswith("1\n00:00:") and "mere woman" in text
