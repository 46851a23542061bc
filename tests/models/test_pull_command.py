"""``streamer models pull``, and where the installed models are."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from streamer.bundle import load_bundle
from streamer.cli.app import run
from tests.support.http_server import FileServer
from tests.support.models.bundles import random_weights
from tests.support.models.graphs import memory_mapped


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FileServer]:
    monkeypatch.setenv("STREAMER_MODELS", str(tmp_path / "models"))
    with FileServer() as server:
        server.script.body = memory_mapped(random_weights(8))
        yield server


def test_a_network_is_pulled_by_its_address_and_removed(
    server: FileServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["models", "pull", server.url("Toy.pbmm"), "--yes"]) == 0
    said = capsys.readouterr().err
    assert "Toy.pbmm: no public checksum is known" in said
    assert "use it with: streamer --model toy" in said
    assert load_bundle("toy").n_hidden == 8
    assert run(["models", "path", "toy"]) == 0
    assert capsys.readouterr().out == f"{tmp_path / 'models' / 'toy'}\n"
    assert run(["models", "remove", "toy"]) == 0
    assert run(["models", "path", "toy"]) == 1
    assert "no model 'toy' is installed" in capsys.readouterr().err


def test_its_sum_is_checked_and_its_name_may_be_another(
    server: FileServer, capsys: pytest.CaptureFixture[str]
) -> None:
    pull = ["models", "pull", server.url("toy.pbmm"), "--yes", "--as", "mine", "--sha256"]
    assert run([*pull, "0" * 64]) == 1
    assert capsys.readouterr().err.splitlines()[-1].startswith("error: ")
    assert run([*pull, hashlib.sha256(server.script.body).hexdigest()]) == 0
    assert "no public checksum" not in capsys.readouterr().err
    assert load_bundle("mine").n_hidden == 8


def test_what_cannot_be_pulled_is_one_line(
    server: FileServer, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["models", "pull", "no-such-model"]) == 1
    assert run(["models", "pull", "deepspeech-0.9.3", "--sha256", "0" * 64]) == 2
    unknown, contradiction = capsys.readouterr().err.splitlines()
    assert unknown.startswith("error: ") and "streamer models list" in unknown
    assert contradiction.startswith("error: --scorer, --alphabet and --sha256 need a URL - ")
