"""Recordings and transcripts by address; what earlier runs have done."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

pytest.importorskip("fsspec", reason="needs the extra cluster")

import fsspec

from streamer.archive.manifest import MANIFEST, Entry, Manifest
from streamer.archive.run import Archive
from streamer.archive.storage import Folder, Recording, find_recordings, local_file, output_names
from streamer.archive.work import Settings
from streamer.errors import OutputError, StreamerError, UsageError


@pytest.fixture(params=["local", "memory"])
def place(request, tmp_path) -> str:
    if request.param == "local":
        return str(tmp_path)
    fs = fsspec.filesystem("memory")
    fs.store.clear()
    fs.pseudo_dirs[:] = [""]
    return "memory://archive"


def fill(place: str, *names: str) -> None:
    for name in names:
        Folder(place).write(name, name.encode())


def test_a_folder_gives_the_recordings_below_it_by_name(place) -> None:
    fill(
        place, "b/two.FLAC", "a/one.wav", "notes.txt", ".hidden.wav", "a/.cache/x.wav", "three.mp3"
    )
    found = find_recordings(place)
    assert [each.name for each in found] == ["a/one.wav", "b/two.FLAC", "three.mp3"]
    assert all("://" in each.url and each.size and each.stamp for each in found)
    with local_file(found[0].url) as path:
        assert path.read_bytes() == b"a/one.wav"


def test_a_recording_can_be_given_itself(place) -> None:
    fill(place, "talk.wav")
    (found,) = find_recordings(f"{place}/talk.wav")
    assert found.name == "talk.wav"
    with local_file(found.url) as path:
        assert path.read_bytes() == b"talk.wav"


def test_the_copy_of_a_distant_recording_is_removed() -> None:
    fsspec.filesystem("memory").pipe_file("/talk.wav", b"sound")
    with local_file("memory://talk.wav") as path:
        assert path.suffix == ".wav"
    assert not path.parent.exists()


@pytest.mark.parametrize("name", ["missing", "empty"])
def test_nothing_to_transcribe_is_an_error(tmp_path, name) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError):
        find_recordings(str(tmp_path / name))


def test_an_address_that_nothing_reaches_says_what_to_install(monkeypatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "gcsfs", None)
    with pytest.raises(UsageError, match="gs:// needs the package gcsfs - pip install gcsfs"):
        find_recordings("gs://bucket/x")
    with pytest.raises(UsageError, match="nonsense"):
        find_recordings("nonsense://x")


def test_names_in_an_object_store_cannot_leave_the_folder() -> None:
    fs = fsspec.filesystem("memory")
    fs.store.clear()
    fs.pipe_file("/in/good.wav", b"x")
    fs.store["/in/a/../../../up.wav"] = fs.store["/in/good.wav"]
    assert [each.name for each in find_recordings("memory://in")] == ["good.wav"]


def test_transcripts_are_named_after_recordings_and_never_share_a_name() -> None:
    names = output_names(
        [Recording(f"file:///{n}/{name}", name, 1, "") for n, name in
         enumerate(["a/talk.wav", "a/Talk.mp3", "talk.wav", "talk.flac", "dots.in.name.wav"])],
        ".txt",
        {},
    )  # fmt: skip
    assert list(names.values()) == [
        "a/talk.txt", "a/Talk-2.txt", "talk.txt", "talk-2.txt", "dots.in.name.txt",
    ]  # fmt: skip


def test_a_new_recording_does_not_take_the_name_of_an_earlier_transcript() -> None:
    old, new = (Recording(f"file:///{n}/talk.wav", "talk.wav", 1, "") for n in "ba")
    names = output_names([new, old], ".txt", {old.url: "talk.txt"})
    assert names == {old.url: "talk.txt", new.url: "talk-2.txt"}


def test_a_file_is_written_whole_or_not_at_all(place) -> None:
    folder = Folder(place)
    folder.write("sub/x.txt", b"old")
    folder.write("sub/x.txt", b"new")
    assert folder.read("sub/x.txt") == b"new"
    assert folder.names() == {"sub/x.txt"}
    assert folder.read("missing") is None
    folder.remove("sub")
    assert folder.names() == set()


@pytest.mark.skipif(os.name == "nt", reason="links to devices")
def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch) -> None:
    folder = Folder(str(tmp_path))
    folder.write("x.txt", b"old")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match="No space left"):
        folder.write("x.txt", b"new")
    assert folder.names() == {"x.txt"} and folder.read("x.txt") == b"old"


ONE = Recording("file:///a.wav", "a.wav", 10, "t1")


def entry(recording: Recording, output: str = "a.txt", settings: str = "s") -> Entry:
    return Entry(recording.url, recording.size, recording.stamp, settings, output, 1.5)


def test_what_is_done_is_known_to_the_next_run(place) -> None:
    fill(place, "a.txt")
    manifest = Manifest(Folder(place))
    manifest.add(entry(ONE))
    manifest.write()
    again = Manifest(Folder(place))
    assert again.done([ONE], "s") == {ONE.url}
    assert again.outputs() == {ONE.url: "a.txt"}


@pytest.mark.parametrize(
    ("recording", "settings"),
    [
        (Recording(ONE.url, "a.wav", 11, "t1"), "s"),
        (Recording(ONE.url, "a.wav", 10, "t2"), "s"),
        (Recording("file:///b.wav", "a.wav", 10, "t1"), "s"),
        (ONE, "other settings"),
    ],
)
def test_what_has_changed_is_not_done(tmp_path, recording, settings) -> None:
    fill(str(tmp_path), "a.txt")
    manifest = Manifest(Folder(str(tmp_path)))
    manifest.add(entry(ONE))
    assert manifest.done([ONE], "s") == {ONE.url}
    assert manifest.done([recording], settings) == set()


def test_a_transcript_that_is_gone_is_not_done(tmp_path) -> None:
    manifest = Manifest(Folder(str(tmp_path)))
    manifest.add(entry(ONE))
    assert manifest.done([ONE], "s") == set()


def test_a_damaged_manifest_loses_only_what_is_damaged(tmp_path) -> None:
    fill(str(tmp_path), "a.txt")
    manifest = Manifest(Folder(str(tmp_path)))
    manifest.add(entry(ONE))
    manifest.write()
    path = Path(tmp_path, MANIFEST)
    path.write_bytes(b'{"url": 5}\n[]\nnull\n\xff\xfe\n' + path.read_bytes() + b'{"url": "half')
    assert Manifest(Folder(str(tmp_path))).done([ONE], "s") == {ONE.url}


def test_the_manifest_is_not_written_for_every_recording(tmp_path) -> None:
    now = [0.0]
    manifest = Manifest(Folder(str(tmp_path)), clock=lambda: now[0])
    others = [Recording(f"file:///{n}", str(n), 1, "") for n in range(3)]
    manifest.add(entry(others[0]))
    manifest.add(entry(others[1]))
    assert len(Manifest(Folder(str(tmp_path))).outputs()) == 1
    now[0] = 2.0
    manifest.add(entry(others[2]))
    assert len(Manifest(Folder(str(tmp_path))).outputs()) == 3


def test_a_folder_that_cannot_be_read_is_one_line(tmp_path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(StreamerError):
        Folder(str(tmp_path / "file")).write("x.txt", b"")


def test_a_folder_that_cannot_be_written_is_known_before_anything_is_transcribed(
    tmp_path, monkeypatch
) -> None:
    (tmp_path / "a.wav").write_bytes(b"sound")
    archive = Archive(find_recordings(str(tmp_path)), Settings({}, str(tmp_path / "out")))
    monkeypatch.setattr(os, "replace", refused)
    with pytest.raises(OutputError, match="not accessible"):
        next(archive.run(None, 1))  # no Ray: no worker may be started


def refused(*arguments: object) -> None:
    raise PermissionError(13, "Permission denied")
