"""A pipe, device, socket or link as any file of a bundle: one line, and nothing is read."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from streamer.bundle import load_bundle
from streamer.errors import ModelError
from streamer.models import ModelStore
from tests.support.models.bundles import make_tiny_bundle
from tests.support.terminal.command_line import command, environment

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has no such files")

FILES = ("model.json", "alphabet.txt", "tiny.scorer", "tiny.safetensors", "lexicon", "recurrent",
         "tiny.mlpackage/Manifest.json", "tiny.mlpackage/Data/weights")  # fmt: skip
KINDS = ("pipe", "socket", "device", "link to a device", "link out", "loop", "folder")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle with a file of each kind; the last four are not read by anything here."""
    folder = tmp_path_factory.mktemp("bundle") / "tiny"
    make_tiny_bundle(folder, n_hidden=4)
    (folder / "tiny.mlpackage" / "Data").mkdir(parents=True)
    for name in FILES[4:]:
        (folder / name).write_bytes(b"contents")
    contents = json.loads((folder / "model.json").read_text())
    contents["networks"]["coreml"] = "tiny.mlpackage"
    contents.update(lexicon="lexicon", recurrent="recurrent")
    (folder / "model.json").write_text(json.dumps(contents))
    return folder


def spoil(path: Path, kind: str, elsewhere: Path) -> None:
    path.unlink()
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "socket":
        # Its path may be too long for a socket.
        with socket.socket(socket.AF_UNIX) as made:
            here = os.getcwd()
            os.chdir(path.parent)
            try:
                made.bind(path.name)
            finally:
                os.chdir(here)
    elif kind == "device":
        try:
            os.mknod(path, 0o600 | 0o020000, os.makedev(1, 5))
        except OSError:
            pytest.skip("only root makes devices")
    elif kind == "link to a device":
        path.symlink_to("/dev/zero")
    elif kind == "link out":
        elsewhere.write_bytes(b"x" * 100)
        path.symlink_to(elsewhere)
    elif kind == "loop":
        path.symlink_to(path.name)
    else:
        path.mkdir()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", FILES)
def test_it_is_refused_when_loaded_and_when_imported(
    name: str, kind: str, whole: Path, tmp_path: Path
) -> None:
    if name.startswith("tiny.mlpackage") and kind == "folder":
        pytest.skip("a package has folders")
    folder = tmp_path / "spoiled"
    shutil.copytree(whole, folder)
    spoil(folder / name, kind, tmp_path / "elsewhere")
    with pytest.raises(ModelError) as caught:
        load_bundle(folder)
    assert "\n" not in str(caught.value) and str(folder) in str(caught.value)
    store = ModelStore(tmp_path / "models")
    with pytest.raises(ModelError):
        store.import_files(folder, "spoiled")
    assert not (tmp_path / "models" / "spoiled").exists()


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "folder"])
def test_a_file_that_the_bundle_does_not_name_is_not_followed_either(
    kind: str, whole: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "spoiled"
    shutil.copytree(whole, folder)
    (folder / "notes").touch()
    spoil(folder / "notes", kind, tmp_path / "elsewhere")
    with pytest.raises(ModelError, match="notes"):
        ModelStore(tmp_path / "models").import_files(folder, "spoiled")
    assert list((tmp_path / "models").iterdir()) == []


def test_a_folder_behind_a_link_is_not_copied(whole: Path, tmp_path: Path) -> None:
    folder = tmp_path / "spoiled"
    shutil.copytree(whole, folder)
    (folder / "all").symlink_to("/usr")
    with pytest.raises(ModelError, match="link out of the folder"):
        ModelStore(tmp_path / "models").import_files(folder, "spoiled")


def test_a_link_within_the_folder_is_copied_as_a_file(whole: Path, tmp_path: Path) -> None:
    folder = tmp_path / "linked"
    shutil.copytree(whole, folder)
    (folder / "alphabet.txt").rename(folder / "letters.txt")
    (folder / "alphabet.txt").symlink_to("letters.txt")
    installed = ModelStore(tmp_path / "models").import_files(folder, "linked")
    assert not (installed / "alphabet.txt").is_symlink()
    assert (installed / "alphabet.txt").read_bytes() == (folder / "letters.txt").read_bytes()


@pytest.mark.parametrize("arguments", [
    ["convert", "{pipe}", "--output", "{out}"],
    ["convert", "{pipe}.pbmm", "--output", "{out}"],
    ["convert", "{pipe}.onnx", "--output", "{out}"],
    ["convert", "{pipe}.tflite", "--output", "{out}"],
    ["convert", "{pipe}.safetensors", "--output", "{out}"],
    ["convert", "{network}", "--output", "{out}", "--alphabet", "{pipe}"],
    ["convert", "{network}", "--output", "{out}", "--scorer", "{pipe}", "--format", "onnx"],
    ["inspect", "{pipe}.onnx"], ["inspect", "{pipe}.pbmm"], ["inspect", "{pipe}.tflite"],
    ["inspect", "{pipe}.mlmodel"], ["inspect", "{package}.mlpackage"],
    ["check", "{pipe}.mlmodel"], ["check", "{package}.mlpackage", "--reference", "{network}"],
    ["models", "import", "{pipe}.pbmm", "--name", "x"],
    ["models", "list"],
], ids=lambda arguments: " ".join(arguments)[:60])  # fmt: skip
def test_no_command_waits_for_a_pipe(arguments: list[str], whole: Path, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    for suffix in ("", ".pbmm", ".onnx", ".tflite", ".safetensors", ".mlmodel"):
        os.mkfifo(f"{pipe}{suffix}")
    package = tmp_path / "package.mlpackage"
    package.mkdir()
    os.mkfifo(package / "Manifest.json")
    models = tmp_path / "models"
    (models / "piped").mkdir(parents=True)
    os.mkfifo(models / "piped" / "model.json")
    places = {
        "pipe": pipe, "out": tmp_path / "out", "package": tmp_path / "package",
        "network": whole / "tiny.safetensors",
    }  # fmt: skip
    filled = [argument.format(**places) for argument in arguments]
    env = environment({"STREAMER_MODELS": str(models)})
    # Waiting for the pipe would need a limit on the clock: without one, the test never ends.
    limited = ["sh", "-c", 'ulimit -t 60; exec timeout 120 "$@"', "sh", *command(*filled)]
    done = subprocess.run(limited, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == (0 if arguments == ["models", "list"] else 1), done.stderr
    assert done.stderr.count("error:") <= 1 and "Traceback" not in done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="names of Linux")
def test_a_bundle_behind_a_link_is_a_bundle(whole: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(whole)
    assert load_bundle(tmp_path / "link").name == "tiny"


def test_an_older_bundle_has_its_sums_once_it_is_imported(whole: Path, tmp_path: Path) -> None:
    folder = tmp_path / "older"
    shutil.copytree(whole, folder)
    contents = json.loads((folder / "model.json").read_text())
    contents.pop("sha256", None)
    (folder / "model.json").write_text(json.dumps(contents))
    installed = load_bundle(ModelStore(tmp_path / "models").import_files(folder, "older"))
    assert "tiny.mlpackage/Data/weights" in installed.sums and not load_bundle(folder).sums
