"""The SHA-256 of a bundle's files: written with it, checked when a file is used."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from pathlib import Path

import pytest

from streamer.bundle import Bundle, load_bundle, read_bundle
from streamer.bundle import sums as sums_module
from streamer.bundle.sums import SMALL_BYTES, check_sums, sums_of
from streamer.engine.model_loader import ModelChoice, load_decoder, load_model
from streamer.errors import ModelError
from streamer.models.backends import load_acoustic_model
from tests.support.models.bundles import make_tiny_bundle


@pytest.fixture
def tiny(tmp_path: Path) -> Bundle:
    # Large enough that its networks are not small.
    return make_tiny_bundle(tmp_path / "tiny", n_hidden=32)


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


def test_each_file_has_its_sum_in_model_json(tiny: Bundle) -> None:
    written = json.loads((tiny.folder / "model.json").read_text())["sha256"]
    assert written == read_bundle(tiny.folder).sums
    names = {path.name for path in tiny.folder.iterdir()} - {"model.json"}
    assert set(written) == names
    for name, digest in written.items():
        assert digest == hashlib.sha256((tiny.folder / name).read_bytes()).hexdigest()


def test_the_bundled_model_has_the_right_sums() -> None:
    bundle = load_bundle()
    assert bundle.sums and dict(bundle.sums) == sums_of(bundle.folder, bundle.files())


@pytest.mark.parametrize("name", ["alphabet.txt", "tiny.safetensors", "tiny.onnx", "tiny.scorer"])
def test_a_changed_file_is_one_clear_line(name: str, tiny: Bundle) -> None:
    if not (tiny.folder / name).exists():
        pytest.skip("not written here")
    flip(tiny.folder / name)
    choice = ModelChoice(tiny.folder, backend="onnx" if name.endswith("onnx") else "numpy")
    with pytest.raises(ModelError) as caught:
        load_model(choice)
    assert f"{name} has the SHA-256" in str(caught.value) and "\n" not in str(caught.value)


def test_only_files_that_are_used_are_checked(tiny: Bundle) -> None:
    flip(tiny.folder / "tiny.safetensors")
    load_decoder(tiny, ModelChoice(tiny.folder))
    with pytest.raises(ModelError, match="SHA-256"):
        load_acoustic_model(tiny, "numpy")


def test_older_bundles_without_sums_load(tiny: Bundle) -> None:
    path = tiny.folder / "model.json"
    contents = json.loads(path.read_text())
    del contents["sha256"]
    path.write_text(json.dumps(contents))
    flip(tiny.folder / "alphabet.txt")
    bundle = read_bundle(tiny.folder)
    assert not bundle.sums
    check_sums(bundle, bundle.files())


def test_a_large_file_is_read_again_only_when_it_has_changed(
    tiny: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "cache" / "checked"
    network = tiny.folder / "tiny.safetensors"
    assert network.stat().st_size > SMALL_BYTES > tiny.alphabet_path.stat().st_size
    hashed: list[str] = []
    real = sums_module.sha256_of

    def counted(file: Path) -> str:
        hashed.append(file.name)
        return real(file)

    monkeypatch.setattr(sums_module, "sha256_of", counted)
    files = [network, tiny.alphabet_path]
    check_sums(tiny, files, cache)
    check_sums(tiny, files, cache)
    assert hashed == ["alphabet.txt", "tiny.safetensors", "alphabet.txt"]
    if os.name != "nt":
        assert cache.stat().st_mode & 0o777 == 0o700
    status = network.stat()
    flip(network)
    os.utime(network, ns=(status.st_atime_ns, status.st_mtime_ns))  # only st_ctime tells
    with pytest.raises(ModelError, match=r"tiny\.safetensors has the SHA-256"):
        check_sums(tiny, files, cache)
    cache.chmod(0o777)  # no longer trusted
    flip(network)
    hashed.clear()
    check_sums(tiny, [network], cache)
    check_sums(tiny, [network], cache)
    if os.name != "nt":
        assert len(hashed) == 2


def test_without_a_place_for_marks_files_are_checked_each_time(
    tiny: Bundle, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    for _ in range(2):
        check_sums(tiny, tiny.files(), tmp_path / "file" / "checked")


@pytest.mark.parametrize("entry", [
    [], "x", {"alphabet.txt": 1}, {"alphabet.txt": "abc"}, {"alphabet.txt": "A" * 64},
    {str(i): "0" * 64 for i in range(2000)},
])  # fmt: skip
def test_sums_that_are_none_are_refused(entry: object, tiny: Bundle) -> None:
    path = tiny.folder / "model.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "sha256": entry}))
    with pytest.raises(ModelError, match="sha256"):
        read_bundle(tiny.folder)


def test_a_bundle_is_its_files_and_their_sums(tiny: Bundle) -> None:
    assert dataclasses.replace(tiny, sums={}) == dataclasses.replace(
        read_bundle(tiny.folder), sums={}
    )
