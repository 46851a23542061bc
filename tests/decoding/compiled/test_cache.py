"""The cache of compiled vocabularies: it saves work and is never trusted."""

from __future__ import annotations

import os
import shutil
import stat
import struct
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from streamer.decoding import DecodingSettings, UserWord, beam_factory, read_scorer
from streamer.decoding.beam_factory import BeamFiles, create_beam_search
from streamer.decoding.compiled import cache as cache_module
from streamer.decoding.compiled.array_file import pack_arrays, unpack_arrays
from streamer.decoding.compiled.cache import CacheEntry
from streamer.decoding.search.beam import BeamSearch
from tests.support.paths import TINY_SCORER
from tests.support.posteriors import ENGLISH, posteriors

posix = pytest.mark.skipif(sys.platform == "win32", reason="needs modes of files")


@pytest.fixture
def scorer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A scorer of our own, small as it is worth keeping here."""
    monkeypatch.setattr(beam_factory, "MIN_CACHED_WORDS", 1)
    return Path(shutil.copy(TINY_SCORER, tmp_path / "a.scorer"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "home" / "cache"


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How often a vocabulary was built: the length of the list."""
    calls: list[int] = []
    build = beam_factory.build_base_vocabulary

    def counted(*arguments: Any) -> Any:
        calls.append(1)
        return build(*arguments)

    monkeypatch.setattr(beam_factory, "build_base_vocabulary", counted)
    return calls


def create(scorer: Path, folder: Path, *words: UserWord, max_words: int = 1000) -> BeamSearch:
    settings = DecodingSettings(max_words=max_words)
    return create_beam_search(ENGLISH, BeamFiles(scorer, None, None), settings, words, 0, folder)


def heard(search: BeamSearch, text: str = "the dear lady") -> list[tuple[str, float]]:
    search.reset()
    search.feed(posteriors(text))
    search.finish()
    return [(candidate.text, candidate.score) for candidate in search.candidates(20)]


def kept_file(folder: Path) -> Path:
    (path,) = folder.glob("*.arrays")
    return path


def test_the_second_search_is_not_built_and_finds_the_same(
    scorer: Path, folder: Path, built: list[int]
) -> None:
    first, second = create(scorer, folder), create(scorer, folder)
    assert len(built) == 1
    assert heard(first) == heard(second)
    assert first.is_word("lady") and second.is_word("lady") and not second.is_word("ladyy")


@pytest.mark.parametrize(
    "words",
    [[UserWord("zorblax", 9.0)], [UserWord("lady", -3.0), UserWord("aaa"), UserWord("dear", 2.0)]],
)
@pytest.mark.parametrize("max_words", [40, 1000])
def test_user_words_are_added_to_what_was_kept(
    scorer: Path, folder: Path, words: list[UserWord], max_words: int
) -> None:
    create(scorer, folder, max_words=max_words)
    kept = create(scorer, folder, *words, max_words=max_words)
    fresh = create(scorer, folder.with_name("other"), *words, max_words=max_words)
    for text in ("the dear lady", "zorblax", "dear aaa"):
        assert heard(kept, text) == heard(fresh, text)
    assert all(kept.is_word(word.word) for word in words)


def test_a_file_that_only_moved_is_found_by_its_content(
    scorer: Path, folder: Path, built: list[int]
) -> None:
    create(scorer, folder)
    moved = scorer.rename(scorer.with_name("b.scorer"))
    os.utime(moved, ns=(1, 1))
    create(moved, folder)
    assert len(built) == 1 and len(list(folder.glob("*.key"))) == 2


def test_another_content_or_setting_is_built(scorer: Path, folder: Path, built: list[int]) -> None:
    create(scorer, folder)
    create(scorer, folder, max_words=50)
    assert len(built) == 2
    data = bytearray(scorer.read_bytes())
    struct.pack_into("<d", data, read_scorer(scorer).kenlm_size + 9, 0.5)  # alpha
    scorer.write_bytes(data)
    os.utime(scorer, ns=(1, 1))
    create(scorer, folder)
    assert len(built) == 3


def test_a_source_that_changes_while_it_is_read_is_not_kept(scorer: Path, folder: Path) -> None:
    entry = CacheEntry([scorer], [], folder)
    os.utime(scorer, ns=(5, 5))
    entry.store({"x": np.zeros(1, np.int32)})
    assert not list(folder.glob("*.*"))


@pytest.mark.parametrize("seed", range(60))
def test_a_damaged_file_is_built_again_silently(
    scorer: Path, folder: Path, built: list[int], seed: int, recwarn: pytest.WarningsRecorder
) -> None:
    expected = heard(create(scorer, folder))
    path = kept_file(folder)
    whole = path.read_bytes()
    random = np.random.default_rng(seed)
    data = bytearray(whole)
    if seed % 3 == 0:
        data = data[: random.integers(len(data))]
    elif seed % 3 == 1:
        data[random.integers(len(data))] ^= 1 << int(random.integers(8))
    else:
        at = int(random.integers(len(data)))
        data[at : at + 100] = random.bytes(100)
    path.write_bytes(data)
    assert heard(create(scorer, folder)) == expected
    assert len(built) == 2 and not recwarn.list
    assert kept_file(folder).read_bytes() == whole


@pytest.mark.parametrize("seed", range(80))
def test_hostile_arrays_with_a_right_digest_never_break_a_search(
    scorer: Path, folder: Path, seed: int
) -> None:
    create(scorer, folder)
    path = kept_file(folder)
    arrays = {n: a.copy() for n, a in unpack_arrays(memoryview(path.read_bytes())).items()}
    random = np.random.default_rng(seed)
    name = list(arrays)[seed % len(arrays)]
    array = arrays[name]
    change = random.integers(5)
    if change == 0:
        arrays[name] = array[: random.integers(len(array) + 1)]
    elif change == 1:
        arrays[name] = array.astype(str(random.choice(["uint8", "int32", "float32"])))
    elif change == 2:
        del arrays[name]
    elif len(array):
        extreme = [0, 1, -1, 255, 65535, 2**31 - 1, -(2**31), np.nan, np.inf]
        with np.errstate(invalid="ignore", over="ignore"):
            value = np.array(extreme)[random.integers(len(extreme))].astype(array.dtype)
        array[random.integers(len(array), size=3)] = value
    path.write_bytes(pack_arrays(arrays))
    search = create(scorer, folder)
    assert heard(search)


@posix
def test_files_and_folders_are_the_users_alone(scorer: Path, folder: Path) -> None:
    old = os.umask(0)
    try:
        create(scorer, folder)
    finally:
        os.umask(old)
    for path in (folder.parent, folder):
        assert stat.S_IMODE(path.stat().st_mode) == 0o700
    for path in folder.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


@posix
@pytest.mark.parametrize("kind", ["file", "folder", "link", "pipe", "key"])
def test_what_others_could_have_written_is_not_read(
    scorer: Path, folder: Path, built: list[int], kind: str
) -> None:
    create(scorer, folder)
    path = kept_file(folder)
    if kind == "file":
        path.chmod(0o666)
    elif kind == "folder":
        folder.chmod(0o777)
    elif kind == "link":
        path.rename(folder / "elsewhere")
        path.symlink_to(folder / "elsewhere")
    elif kind == "pipe":
        path.unlink()
        os.mkfifo(path)
    else:
        (key,) = folder.glob("*.key")
        key.write_text("../" * 21 + "a")
        path.unlink()
    create(scorer, folder)
    assert len(built) == 2


@pytest.mark.parametrize("obstacle", ["file", "read-only", "none"])
def test_it_works_without_a_cache(
    scorer: Path, folder: Path, obstacle: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if obstacle == "file":
        folder.parent.write_text("a file where the folder would be")
    elif obstacle == "none":
        monkeypatch.setattr(cache_module, "user_cache", lambda name: None)
    else:

        def refuse(*_: object, **__: object) -> None:
            raise PermissionError("read-only file system")

        monkeypatch.setattr("tempfile.mkstemp", refuse)
    settings = DecodingSettings()
    place = None if obstacle == "none" else folder
    for _ in range(2):
        files = BeamFiles(scorer, None, None)
        assert heard(create_beam_search(ENGLISH, files, settings, cache=place))


def test_a_full_disk_leaves_nothing_behind(
    scorer: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(cache_module.os, "replace", full)
    assert heard(create(scorer, folder))
    assert list(folder.iterdir()) == []


def test_it_stays_small(scorer: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache_module, "MAX_FILES", 3)
    monkeypatch.setattr(cache_module, "MAX_KEYS", 4)
    for number in range(6):
        CacheEntry([scorer], number, folder).store({"x": np.array([number], np.int32)})
        for age, path in enumerate(sorted(folder.iterdir(), key=lambda p: p.stat().st_mtime_ns)):
            os.utime(path, (1000 + age, 1000 + age))
    assert len(list(folder.glob("*.arrays"))) == 3 and len(list(folder.glob("*.key"))) == 4
    assert CacheEntry([scorer], 5, folder).load() is not None
    monkeypatch.setattr(cache_module, "MAX_BYTES", 1)
    (folder / "left.part").write_text("by a process that ended")
    os.utime(folder / "left.part", (1000, 1000))
    CacheEntry([scorer], 7, folder).store({"x": np.zeros(1, np.int32)})
    assert len(list(folder.glob("*.arrays"))) == 1 and not (folder / "left.part").exists()


def test_many_at_once_find_the_same(scorer: Path, folder: Path) -> None:
    found: list[list[tuple[str, float]]] = []
    threads = [
        threading.Thread(target=lambda: found.append(heard(create(scorer, folder))))
        for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 6 and all(each == found[0] for each in found)
    assert not list(folder.glob("*.part"))


def test_a_file_larger_than_any_that_is_written_is_not_mapped(
    scorer: Path, folder: Path, built: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = heard(create(scorer, folder))
    monkeypatch.setattr(cache_module, "MAX_BYTES", kept_file(folder).stat().st_size - 1)
    assert heard(create(scorer, folder)) == expected and len(built) == 2
