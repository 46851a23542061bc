from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from streamer.bundle import Bundle, load_bundle, write_bundle
from streamer.errors import ModelError
from streamer.features import DeepSpeechFrontEnd
from streamer.models import KnownModel, ModelStore, RemoteFile
from streamer.untrusted.locked_folders import work_folder
from tests.support.http_server import FileServer

NETWORK = b"a network" * 1000
SCORER = b"a scorer" * 1000


def convert(
    network: Path,
    folder: Path,
    *,
    name: str,
    scorer: Path | None,
    alphabet: Path | None,
    licence: str,
    shapes: Sequence[str] = (),
) -> Bundle:
    """Stand in for the converter: accept NETWORK only."""
    if network.read_bytes() != NETWORK:
        raise ModelError(f"{network.name}: not a network", "take another file")
    (folder / "alphabet.txt").write_text(" \na\n", encoding="utf-8")
    np.savez(folder / "weights.npz", nothing=np.zeros(1))
    if scorer is not None:
        (folder / "x.scorer").write_bytes(scorer.read_bytes())
    return write_bundle(
        Bundle(
            folder=folder,
            name=name,
            version="",
            language="",
            licence=licence,
            summary="",
            front_end_description=DeepSpeechFrontEnd().describe(),
            n_context=9,
            n_steps=16,
            n_input=26,
            n_hidden=4,
            n_labels=3,
            alphabet_path=folder / "alphabet.txt",
            networks={"numpy": folder / "weights.npz"},
            scorer_path=None if scorer is None else folder / "x.scorer",
        )
    )


@pytest.fixture
def servers() -> Iterator[tuple[FileServer, FileServer]]:
    with FileServer() as network, FileServer() as scorer:
        network.script.body, scorer.script.body = NETWORK, SCORER
        yield network, scorer


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModelStore:
    monkeypatch.setenv("STREAMER_MODELS", str(tmp_path / "models"))
    return ModelStore(convert=convert)


def known(servers: tuple[FileServer, FileServer]) -> KnownModel:
    network, scorer = servers
    return KnownModel(
        "toy-1.0",
        "MPL-2.0",
        "a toy",
        RemoteFile(network.url("toy.pbmm")),
        RemoteFile(scorer.url("toy.scorer")),
    )


def follow(name: str):  # type: ignore[no-untyped-def]
    return lambda received, total: None


def left_over(store: ModelStore) -> list[str]:
    return sorted(p.name for p in store.root.iterdir()) if store.root.exists() else []


def test_a_pulled_model_is_found_by_its_name(
    store: ModelStore, servers: tuple[FileServer, FileServer]
) -> None:
    folder = store.pull(known(servers), follow)
    bundle = load_bundle("toy-1.0")
    assert bundle.folder == folder == store.path("toy-1.0")
    assert bundle.scorer_path is not None and bundle.scorer_path.read_bytes() == SCORER
    assert [(m.name, m.licence) for m in store.installed()] == [("toy-1.0", "MPL-2.0")]
    assert left_over(store) == ["downloads", "sums.json", "toy-1.0"]
    assert list((store.root / "downloads").iterdir()) == []


def test_an_interrupted_pull_leaves_no_model_and_goes_on_later(
    store: ModelStore, servers: tuple[FileServer, FileServer]
) -> None:
    servers[1].script.breaks_after = [500] * 4
    with pytest.raises(ModelError, match="to continue"):
        store.pull(known(servers), follow)
    assert store.installed() == [] and "toy-1.0" not in left_over(store)
    asked = len(servers[0].script.requests)
    store.pull(known(servers), follow)
    assert len(servers[0].script.requests) == asked  # the network was there already
    assert servers[1].script.requests[-1]["Range"] == "bytes=2000-"


def test_garbage_is_not_installed_nor_trusted_nor_kept(
    store: ModelStore, servers: tuple[FileServer, FileServer]
) -> None:
    servers[0].script.body = b"<html>not found</html>"
    with pytest.raises(ModelError, match="not a network"):
        store.pull(known(servers), follow)
    assert store.installed() == [] and not store.is_trusted(known(servers).network)
    servers[0].script.body = NETWORK
    store.pull(known(servers), follow)
    assert [m.name for m in store.installed()] == ["toy-1.0"]


def test_the_first_sum_is_recorded_and_checked_ever_after(
    store: ModelStore, servers: tuple[FileServer, FileServer]
) -> None:
    model = known(servers)
    assert not store.is_trusted(model.network)
    store.pull(model, follow)
    assert store.is_trusted(model.network)
    store.remove("toy-1.0")
    servers[0].script.body = b"b" + NETWORK[1:]
    with pytest.raises(ModelError, match="SHA-256"):
        store.pull(model, follow)
    assert store.installed() == []


def test_removing_leaves_nothing(store: ModelStore, servers: tuple[FileServer, FileServer]) -> None:
    store.pull(known(servers), follow)
    store.remove("toy-1.0")
    assert left_over(store) == ["downloads", "sums.json"]
    with pytest.raises(ModelError, match=r"no model 'toy-1.0' is installed"):
        store.remove("toy-1.0")


def test_own_files_are_imported_and_stay_where_they_are(store: ModelStore, tmp_path: Path) -> None:
    network, scorer = tmp_path / "n.pbmm", tmp_path / "s.scorer"
    network.write_bytes(NETWORK)
    scorer.write_bytes(SCORER)
    store.import_files(network, "mine", scorer)
    assert load_bundle("mine").scorer_path is not None
    assert network.read_bytes() == NETWORK and scorer.read_bytes() == SCORER
    store.import_files(store.path("mine"), "copy")
    assert [m.name for m in store.installed()] == ["copy", "mine"]


def test_a_name_in_use_is_not_overwritten(store: ModelStore, tmp_path: Path) -> None:
    network = tmp_path / "n.pbmm"
    network.write_bytes(NETWORK)
    store.import_files(network, "mine")
    with pytest.raises(ModelError, match="already installed"):
        store.import_files(network, "mine")


@pytest.mark.parametrize(
    "name", ["", "../x", ".hidden", "A", "a/b", "a\\b", "english", "downloads"]
)
def test_names_that_would_leave_the_store_are_refused(
    store: ModelStore, tmp_path: Path, name: str
) -> None:
    network = tmp_path / "n.pbmm"
    network.write_bytes(NETWORK)
    with pytest.raises(ModelError, match=r"not a valid model name|reserved"):
        store.import_files(network, name)
    assert left_over(store) == []


def test_a_damaged_record_of_sums_is_not_overlooked(
    store: ModelStore, servers: tuple[FileServer, FileServer]
) -> None:
    store.root.mkdir(parents=True)
    (store.root / "sums.json").write_text("{", encoding="utf-8")
    with pytest.raises(ModelError, match="SHA-256 sums"):
        store.pull(known(servers), follow)


def test_a_model_with_a_damaged_description_can_still_be_removed(store: ModelStore) -> None:
    (store.root / "broken").mkdir(parents=True)
    (store.root / "broken" / "model.json").write_text("{", encoding="utf-8")
    assert "unreadable" in store.installed()[0].licence
    store.remove("broken")
    assert store.installed() == []


def test_what_is_recorded_is_plain_json(
    store: ModelStore, servers: tuple[FileServer, FileServer]
) -> None:
    store.pull(known(servers), follow)
    sums = json.loads((store.root / "sums.json").read_text(encoding="utf-8"))
    assert set(sums) == {f.url for f in (known(servers).network, known(servers).scorer) if f}
    assert all(len(digest) == 64 for digest in sums.values())


def test_the_model_of_the_package_has_a_path_and_cannot_be_removed(tmp_path: Path) -> None:
    store = ModelStore(tmp_path)
    assert (store.path("english") / "model.json").is_file()
    with pytest.raises(ModelError, match="part of streamer"):
        store.remove("english")


posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such locks")


@posix
def test_what_interrupted_processes_left_is_swept_by_the_next(
    store: ModelStore, servers: tuple[FileServer, FileServer]
) -> None:
    killed = [".new-abcd_123", ".removed-abcd_123", "downloads/toy-1.0/network", "downloads/done"]
    for name in killed:
        (store.root / name).mkdir(parents=True)
        (store.root / name / "half").write_bytes(b"half")
    for name in ("done", ".new-of-somebody-else", "downloads/done-too"):
        (store.root / name).mkdir()
    store.pull(known(servers), follow)
    names = [".new-of-somebody-else", "done", "downloads", "sums.json", "toy-1.0"]
    assert left_over(store) == names
    assert [path.name for path in (store.root / "downloads").iterdir()] == ["done-too"]


@posix
def test_what_another_process_works_in_is_not_swept(
    store: ModelStore, servers: tuple[FileServer, FileServer]
) -> None:
    store.root.mkdir()
    with work_folder(store.root, ".new-") as others:
        (others / "file").touch()
        store.pull(known(servers), follow)
        assert (others / "file").exists()
    assert left_over(store) == ["downloads", "sums.json", "toy-1.0"]


@posix
def test_two_pulls_of_a_model_wait_for_each_other(
    store: ModelStore, servers: tuple[FileServer, FileServer]
) -> None:
    """The first is in the middle of its conversion when the second begins."""
    begun, waits = threading.Event(), threading.Event()

    def slowly(network: Path, folder: Path, **others: Any) -> Any:
        begun.set()
        assert waits.wait(60)
        return convert(network, folder, **others)

    first = ModelStore(store.root, slowly)
    folders: list[Path] = []
    thread = threading.Thread(target=lambda: folders.append(first.pull(known(servers), follow)))
    thread.start()
    assert begun.wait(60)
    asked = len(servers[0].script.requests)
    folders.append(store.pull(known(servers), follow, waits.set))
    thread.join()
    assert folders == [store.root / "toy-1.0"] * 2
    assert len(servers[0].script.requests) == asked  # nothing was downloaded twice
    assert left_over(store) == ["downloads", "sums.json", "toy-1.0"]
    assert list((store.root / "downloads").iterdir()) == []


@posix
def test_a_pull_goes_on_after_the_one_that_it_waited_for_was_killed(
    store: ModelStore, servers: tuple[FileServer, FileServer]
) -> None:
    held = store.root / "downloads" / "toy-1.0"
    program = (
        "import sys, pathlib; from streamer.untrusted.locked_folders import locked_folder\n"
        "with locked_folder(pathlib.Path(sys.argv[1])): print('held', flush=True); sys.stdin.read()"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", program, str(held)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert other.stdout is not None and other.stdout.readline() == b"held\n"
    store.pull(known(servers), follow, other.kill)
    other.communicate()
    assert [m.name for m in store.installed()] == ["toy-1.0"]


def test_a_record_of_sums_that_is_something_else_is_damaged(
    store: ModelStore, servers: tuple[FileServer, FileServer]
) -> None:
    store.root.mkdir(parents=True)
    (store.root / "sums.json").write_text("[]", encoding="utf-8")
    with pytest.raises(ModelError, match="SHA-256 sums"):
        store.pull(known(servers), follow)


def test_folders_of_other_names_are_not_models(store: ModelStore) -> None:
    for name in ("Not A Name", "mine"):
        (store.root / name).mkdir(parents=True)
        (store.root / name / "model.json").write_text("{}", encoding="utf-8")
    assert [model.name for model in store.installed()] == ["mine"]
