"""What goes together with ``--on ray``, and what it says where Ray is missing."""

from __future__ import annotations

import os
import socket
import sys
from typing import Any

import numpy as np
import pytest
import soundfile

from streamer.archive import cluster
from streamer.cli.support.archive import transcribe_archive
from streamer.cli.support.archive_options import ArchiveOptions
from streamer.cli.support.choices import Engine
from streamer.cli.support.finals_options import FinalsOptions
from streamer.cli.support.options import EngineOptions, ResultOptions
from streamer.errors import StreamerError, UsageError
from tests.support.models.bundles import make_tiny_bundle
from tests.support.paths import DATA
from tests.support.terminal.command_line import run

RATE_HZ = 16000


def on_ray(inputs=("a.wav",), folder: str | None = "out", finals=None, **results: Any) -> None:
    transcribe_archive(
        inputs,
        EngineOptions(),
        ResultOptions(**results),
        FinalsOptions(finals),
        ArchiveOptions(on=Engine.RAY),
        one_shot=False,
        folder=folder,
    )


SET = ("RAY_USAGE_STATS_ENABLED", "RAY_AUTH_MODE", "RAY_AUTH_TOKEN")


@pytest.fixture(autouse=True)
def environment(monkeypatch) -> None:
    """Give the tests after this one the variables as they were."""
    for name in (*SET, "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)


def test_ray_needs_python_3_10(monkeypatch) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 9, 18))
    with pytest.raises(UsageError, match=r"--on ray needs Python 3\.10 or later - use a newer"):
        on_ray()


@pytest.mark.skipif(sys.version_info < (3, 10), reason="says that first")
@pytest.mark.parametrize("package", ["ray", "fsspec"])
def test_a_missing_package_is_one_line_that_says_what_to_install(monkeypatch, package) -> None:
    monkeypatch.setitem(sys.modules, "fsspec", sys)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(UsageError) as error:
        on_ray()
    assert str(error.value) == (
        f'--on ray needs the package {package} - pip install "streamer-stt[cluster]"'
    )


def variables(monkeypatch, address: str | None) -> dict[str, str]:
    """What is set before Ray is imported."""
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.delitem(sys.modules, "ray")
    monkeypatch.setattr(sys, "path", [])
    with pytest.raises(ImportError):
        cluster.import_ray(address)
    return {name: os.environ[name] for name in SET if name in os.environ}


@pytest.mark.skipif(sys.version_info < (3, 10), reason="says that first")
@pytest.mark.parametrize("address", ["", ":", "here", ":6379", "a:b", "ray://", "http://a:6379"])
def test_what_is_no_address_of_a_cluster_is_said_before_ray_is_imported(address) -> None:
    with pytest.raises(UsageError, match="is not a cluster's address - give --ray HOST:PORT"):
        cluster.check_installed(address)


@pytest.mark.parametrize("scheme", ["", "ray://"])
def test_a_cluster_where_nobody_listens_is_one_line_at_once(monkeypatch, scheme) -> None:
    class Ray:
        def init(self, **options: Any) -> None:
            raise AssertionError("it would try for a minute, with a line for every attempt")

    with socket.socket() as taken:  # bound, but it does not listen
        taken.bind(("127.0.0.1", 0))
        address = f"{scheme}127.0.0.1:{taken.getsockname()[1]}"
        monkeypatch.setattr(cluster, "import_ray", lambda address: Ray())
        with pytest.raises(StreamerError) as error, cluster.started(address):
            pass
    assert str(error.value) == (
        f"there is no Ray cluster at {address} (Connection refused) - check --ray"
    )


def test_usage_reports_are_off_before_ray_is_imported(monkeypatch) -> None:
    assert variables(monkeypatch, "10.0.0.1:6379") == {"RAY_USAGE_STATS_ENABLED": "0"}


def test_a_ray_of_our_own_refuses_everybody_without_its_token(monkeypatch) -> None:
    first = variables(monkeypatch, None)
    assert first["RAY_USAGE_STATS_ENABLED"] == "0" and first["RAY_AUTH_MODE"] == "token"
    assert len(first["RAY_AUTH_TOKEN"]) == 64
    assert variables(monkeypatch, None)["RAY_AUTH_TOKEN"] != first["RAY_AUTH_TOKEN"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"folder": None}, "--on ray writes a file for each recording - give --output-dir FOLDER"),
        ({"inputs": ("-",)}, "--on ray cannot read standard input"),
        ({"finals": "whisper"}, "--finals and --on ray do not go together"),
        ({"on_final": "cat"}, "--on-final and --on ray do not go together"),
        ({"dictation": True}, "--dictation and --on ray do not go together"),
    ],
)
def test_what_needs_one_process_does_not_go_together_with_ray(arguments, message) -> None:
    with pytest.raises(UsageError, match=message):
        on_ray(**arguments)


@pytest.mark.parametrize("options", [{"ray": "10.0.0.1:6379"}, {"workers": 2}])
def test_options_of_ray_need_it(options) -> None:
    with pytest.raises(UsageError, match="needs --on ray - give both"):
        ArchiveOptions(**options).check()


def test_recordings_are_cut_on_ray_and_otherwise_only_if_asked() -> None:
    assert ArchiveOptions().piece_s is None
    assert ArchiveOptions(piece=2.0).piece_s == 120.0
    assert ArchiveOptions(on=Engine.RAY).piece_s == 600.0


def test_one_process_cuts_a_recording_too(tmp_path) -> None:
    """Two pieces of the same sound, with silence around them, get the same words."""
    sound, _ = soundfile.read(DATA / "names.ogg", dtype="float32", frames=11 * RATE_HZ)
    half = np.concatenate([sound, np.zeros(2 * RATE_HZ, np.float32)])
    soundfile.write(tmp_path / "two.wav", np.tile(half, 2), RATE_HZ, subtype="FLOAT")
    make_tiny_bundle(tmp_path / "tiny", n_hidden=8)
    options = ("--model", tmp_path / "tiny", "--decoder", "greedy", "--format", "vtt")
    done = run("transcribe", *options, "--piece", "0.2", tmp_path / "two.wav")
    assert (done.returncode, done.stderr) == (0, b"")
    whole = run("transcribe", *options, tmp_path / "two.wav")
    assert done.stdout.startswith(b"WEBVTT") and whole.returncode == 0
    assert done.stdout.count(b"-->") >= 2
    starts = [line.split(b" --> ")[0] for line in done.stdout.splitlines() if b"-->" in line]
    assert starts == sorted(starts) and starts[-1] > b"00:00:12"
