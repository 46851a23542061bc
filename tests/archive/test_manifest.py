"""The record of what is done of an archive, in a folder that anybody may have written to."""

from __future__ import annotations

import json
from typing import Any

import pytest

from streamer.archive.manifest import MANIFEST, Entry, Manifest
from streamer.archive.storage import Recording

ENTRY = {
    "url": "file:///a.wav", "output": "a.txt", "size": 9, "stamp": "t", "settings": "s",
    "seconds": 1.5,
}  # fmt: skip


class Folder:
    """A folder in memory."""

    def __init__(self, **files: str) -> None:
        self.files = {name: text.encode() for name, text in files.items()}
        self.writes = 0

    def read(self, name: str) -> bytes | None:
        return self.files.get(name)

    def write(self, name: str, content: bytes) -> None:
        self.writes += 1
        self.files[name] = content

    def names(self) -> set[str]:
        return set(self.files)


def manifest(folder: Folder, now: list[float] | None = None) -> Manifest:
    clock = now or [0.0]
    return Manifest(folder, lambda: clock[0])  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "line",
    [
        "",
        "not JSON",
        "[]",
        "null",
        json.dumps({**ENTRY, "size": "9"}),
        json.dumps({**ENTRY, "url": 7}),
        json.dumps({**ENTRY, "seconds": None}),
        json.dumps({key: value for key, value in ENTRY.items() if key != "stamp"}),
    ],
)
def test_a_line_that_is_not_an_entry_is_passed_over(line: str) -> None:
    folder = Folder(**{MANIFEST: f"{line}\n{json.dumps({**ENTRY, 'of_later': 1})}\n"})
    assert manifest(folder).outputs() == {"file:///a.wav": "a.txt"}


def test_only_what_has_not_changed_since_is_done() -> None:
    folder = Folder(**{MANIFEST: json.dumps(ENTRY), "a.txt": "words"})
    same = Recording("file:///a.wav", "a.wav", 9, "t")
    found = manifest(folder)
    assert found.done([same], "s") == {same.url}
    assert found.done([same], "other settings") == set()
    for changed in ({"size": 8}, {"stamp": "u"}, {"url": "file:///b.wav"}):
        values: dict[str, Any] = {"url": same.url, "name": "a.wav", "size": 9, "stamp": "t"}
        assert found.done([Recording(**{**values, **changed})], "s") == set()
    del folder.files["a.txt"]
    assert manifest(folder).done([same], "s") == set()


def test_it_is_written_now_and_then_and_in_the_end() -> None:
    folder, now = Folder(), [0.0]
    found = manifest(folder, now)
    found.write()
    assert folder.writes == 0  # there is nothing to write
    found.write(always=True)
    assert folder.writes == 1
    for number in range(9):
        found.add(Entry(**{**ENTRY, "url": f"file:///{number}.wav"}))
    assert folder.writes == 1
    now[0] = 1e6
    found.add(Entry(**{**ENTRY, "url": "file:///last.wav"}))
    assert folder.writes == 2 and len(manifest(folder).outputs()) == 10
