"""The examples for systemd and Docker. No image is built: its lines run in a new environment."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.paths import ROOT

FOLDER = ROOT / "examples" / "server"


def docker_lines(instruction: str) -> list[str]:
    text = (FOLDER / "Dockerfile").read_text(encoding="utf-8")
    return re.findall(rf"^{instruction} (.+)$", text, re.MULTILINE)


def test_the_image_runs_as_a_user_and_is_checked() -> None:
    assert docker_lines("USER") == ["streamer"] and docker_lines("HEALTHCHECK")
    (command,) = docker_lines("CMD")
    assert "--token-file" in command
    after_user = (FOLDER / "Dockerfile").read_text("utf-8").partition("\nUSER ")[2]
    assert "apt-get" not in after_user and "pip install" not in after_user


def test_the_unit_is_valid() -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("there is no systemd-analyze")
    result = subprocess.run(
        ["systemd-analyze", "verify", str(FOLDER / "streamer.service")],
        capture_output=True,
        text=True,
    )
    # The program is not installed there, and this machine may have no systemd running.
    lines = [line for line in result.stderr.splitlines() if "streamer.service" in line]
    assert not [line for line in lines if "not executable" not in line], result.stderr


def test_the_unit_names_options_that_exist() -> None:
    text = (FOLDER / "streamer.service").read_text(encoding="utf-8")
    (line,) = re.findall(r"^ExecStart=(.+)$", text, re.MULTILINE)
    options = [word for word in shlex.split(line) if word.startswith("--")]
    (command,) = docker_lines("CMD")
    options += re.findall(r'"(--[a-z-]+)"', command)
    source = (ROOT / "streamer" / "cli" / "commands" / "speech" / "serve.py").read_text("utf-8")
    for option in options:
        assert f"    {option[2:].replace('-', '_')}: Annotated" in source, option


@pytest.mark.slow
@pytest.mark.skipif(
    sys.version_info < (3, 10) or os.name == "nt",
    reason="the image has a later Python and is Linux",
)
def test_the_lines_of_the_image_make_a_server_that_is_healthy(tmp_path: Path) -> None:
    """All but the lines that need root: apt-get and useradd."""
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "venv")], check=True)
    binaries = tmp_path / "venv" / "bin"
    source = tmp_path / "src"
    ignore = shutil.ignore_patterns(".git", ".venv*", "site", "checkpoints", "*.stamp")
    shutil.copytree(ROOT, source, ignore=ignore, symlinks=True)
    kept = ("PATH", "PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_CONFIG_FILE", "HOME", "LANG")
    environment = {name: os.environ[name] for name in kept if name in os.environ}
    environment["PATH"] = f"{binaries}{os.pathsep}{environment['PATH']}"
    environment["XDG_CACHE_HOME"] = str(tmp_path / "cache")
    for line in docker_lines("RUN"):
        if not line.startswith(("apt-get", "useradd")):
            command = line.replace("/src", str(source))
            subprocess.run(command, shell=True, check=True, env=environment, cwd=tmp_path)
    token = tmp_path / "token"
    token.write_text("a token of the test only")
    (command,) = docker_lines("CMD")
    words = [str(token) if word == "/run/secrets/token" else word for word in eval(command)]
    (check,) = docker_lines("HEALTHCHECK")
    probe = eval(check.partition("CMD ")[2])
    server = subprocess.Popen(words, env=environment, cwd=tmp_path)
    try:
        end = time.monotonic() + 120
        while subprocess.run(probe, env=environment, capture_output=True).returncode:
            assert server.poll() is None and time.monotonic() < end
    finally:
        server.terminate()
        assert server.wait(60) == 0
