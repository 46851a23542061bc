from __future__ import annotations

import errno
import hashlib
import os
import threading
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from streamer.errors import ModelError
from streamer.models import RemoteFile
from streamer.models.download import _BrokenOffError, _total_length, download
from tests.support.http_server import FileServer

download_module = import_module("streamer.models.download")

BODY = bytes(range(256)) * 1200  # 300 kB: several blocks


@pytest.fixture
def server() -> Iterator[FileServer]:
    with FileServer() as server:
        server.script.body = BODY
        yield server


def files_in(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir()) if folder.exists() else []


def test_a_whole_file_arrives_with_its_sum(server: FileServer, tmp_path: Path) -> None:
    seen: list[int] = []
    result = download(
        RemoteFile(server.url("m.pbmm"), len(BODY)), tmp_path, lambda done, total: seen.append(done)
    )
    assert result.path.read_bytes() == BODY
    assert result.sha256 == hashlib.sha256(BODY).hexdigest()
    assert seen == sorted(seen) and seen[-1] == len(BODY)
    assert files_in(tmp_path) == ["m.pbmm"]


def test_a_broken_line_is_taken_up_where_it_broke(server: FileServer, tmp_path: Path) -> None:
    server.script.breaks_after = [100_000, 50_000, None]
    result = download(RemoteFile(server.url("m.pbmm")), tmp_path)
    assert result.path.read_bytes() == BODY
    assert [r.get("Range") for r in server.script.requests] == [
        None,
        "bytes=100000-",
        "bytes=150000-",
    ]


def test_a_later_call_goes_on_from_an_earlier_one(server: FileServer, tmp_path: Path) -> None:
    server.script.breaks_after = [70_000] * 2
    with pytest.raises(ModelError, match=r"broke after 140,000 of 307,200 bytes - .*to continue"):
        download(RemoteFile(server.url("m.pbmm")), tmp_path, attempts=2)
    assert files_in(tmp_path) == ["m.pbmm.part", "m.pbmm.part.json"]
    assert download(RemoteFile(server.url("m.pbmm")), tmp_path).path.read_bytes() == BODY
    assert server.script.requests[-1]["Range"] == "bytes=140000-"


def test_a_file_that_changed_meanwhile_is_fetched_anew(server: FileServer, tmp_path: Path) -> None:
    server.script.breaks_after = [70_000]
    with pytest.raises(ModelError):
        download(RemoteFile(server.url("m.pbmm")), tmp_path, attempts=1)
    server.script.body, server.script.etag = BODY[::-1], '"two"'
    assert download(RemoteFile(server.url("m.pbmm")), tmp_path).path.read_bytes() == BODY[::-1]


def test_a_file_that_shrank_meanwhile_is_fetched_anew(server: FileServer, tmp_path: Path) -> None:
    server.script.breaks_after = [70_000]
    with pytest.raises(ModelError):
        download(RemoteFile(server.url("m.pbmm")), tmp_path, attempts=1)
    server.script.body = BODY[:1000]
    assert download(RemoteFile(server.url("m.pbmm")), tmp_path).path.read_bytes() == BODY[:1000]


def test_a_server_without_parts_or_versions_is_asked_from_the_start(
    server: FileServer, tmp_path: Path
) -> None:
    server.script.ranges, server.script.etag = False, None
    server.script.breaks_after = [70_000]
    assert download(RemoteFile(server.url("m.pbmm")), tmp_path).path.read_bytes() == BODY


def test_a_stalled_line_is_given_up(server: FileServer, tmp_path: Path) -> None:
    server.script.stall = threading.Event()
    with pytest.raises(ModelError, match="timed out"):
        download(RemoteFile(server.url("m.pbmm")), tmp_path, timeout_s=0.3, attempts=2)
    server.script.stall = None
    assert download(RemoteFile(server.url("m.pbmm")), tmp_path).path.read_bytes() == BODY


def test_redirections_are_followed(server: FileServer, tmp_path: Path) -> None:
    with FileServer() as other:
        other.script.body = BODY
        server.script.location = other.url("elsewhere/x")
        assert download(RemoteFile(server.url("m.pbmm")), tmp_path).path.read_bytes() == BODY


@pytest.mark.parametrize("where", ["file:///etc/passwd", "ftp://127.0.0.1/x"])
def test_redirections_out_of_http_are_not(server: FileServer, tmp_path: Path, where: str) -> None:
    server.script.location = where
    with pytest.raises(ModelError, match=r"not safe to follow|answered 302"):
        download(RemoteFile(server.url("m.pbmm")), tmp_path)
    assert not (tmp_path / "m.pbmm").exists()


def test_another_length_than_the_known_one_is_refused_before_it_is_read(
    server: FileServer, tmp_path: Path
) -> None:
    with pytest.raises(ModelError, match="307,200 bytes instead of 5"):
        download(RemoteFile(server.url("m.pbmm"), 5), tmp_path)
    assert files_in(tmp_path) == []


def test_a_server_that_promises_more_than_it_has_is_found_out(
    server: FileServer, tmp_path: Path
) -> None:
    server.script.stated_length = len(BODY) + 1000
    with pytest.raises(ModelError, match="to continue"):
        download(RemoteFile(server.url("m.pbmm")), tmp_path, attempts=2)
    assert not (tmp_path / "m.pbmm").exists()


def test_a_server_that_promises_terabytes_is_refused(server: FileServer, tmp_path: Path) -> None:
    server.script.stated_length = 1 << 45
    with pytest.raises(ModelError, match="check the address"):
        download(RemoteFile(server.url("m.pbmm")), tmp_path)


def test_a_false_sum_leaves_nothing(server: FileServer, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="SHA-256"):
        download(RemoteFile(server.url("m.pbmm"), sha256="0" * 64), tmp_path)
    assert files_in(tmp_path) == []


def test_a_false_md5_leaves_nothing_and_a_true_one_passes(
    server: FileServer, tmp_path: Path
) -> None:
    with pytest.raises(ModelError, match="MD5"):
        download(RemoteFile(server.url("m.pbmm"), md5="0" * 32), tmp_path)
    assert files_in(tmp_path) == []
    true = hashlib.md5(BODY).hexdigest()
    found = download(RemoteFile(server.url("m.pbmm"), md5=true), tmp_path)
    assert found.path.read_bytes() == BODY


def test_mirrors_are_tried_in_turn(server: FileServer, tmp_path: Path) -> None:
    with FileServer() as gone:
        first, second = gone.url("m.pbmm"), gone.url("again/m.pbmm")
    file = RemoteFile(first, len(BODY), mirrors=(second, server.url("m.pbmm")))
    assert download(file, tmp_path, attempts=1).path.read_bytes() == BODY
    with pytest.raises(ModelError, match=r"again/m\.pbmm"):
        download(RemoteFile(first, mirrors=(second,)), tmp_path / "none", attempts=1)


def test_an_address_with_another_file_is_passed_over(server: FileServer, tmp_path: Path) -> None:
    true = hashlib.sha256(BODY).hexdigest()
    with FileServer() as other:
        other.script.body = BODY[::-1]
        file = RemoteFile(other.url("m.pbmm"), sha256=true, mirrors=(server.url("m.pbmm"),))
        assert download(file, tmp_path).path.read_bytes() == BODY


@pytest.mark.parametrize("status", [403, 404, 500])
def test_a_refusal_names_the_status(server: FileServer, tmp_path: Path, status: int) -> None:
    server.script.status = status
    with pytest.raises(ModelError, match=f"answered {status}"):
        download(RemoteFile(server.url("m.pbmm")), tmp_path)
    assert files_in(tmp_path) == []


def test_nobody_at_the_address_is_one_line(tmp_path: Path) -> None:
    with FileServer() as gone:
        url = gone.url("m.pbmm")
    with pytest.raises(ModelError, match="refused"):
        download(RemoteFile(url), tmp_path, attempts=1)


@pytest.mark.parametrize("url", ["file:///etc/passwd", "m.pbmm", "http://127.0.0.1/"])
def test_only_addresses_of_files_over_http_are_taken(tmp_path: Path, url: str) -> None:
    with pytest.raises(ModelError):
        download(RemoteFile(url), tmp_path, attempts=1, timeout_s=1)


class Response:
    """An answer with these headers."""

    def __init__(self, status: int, **headers: str) -> None:
        self.status = status
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        (Response(200, Content_Length="300"), (0, 300)),
        (Response(200), (0, None)),
        (Response(200, Content_Length="many"), (0, None)),
        (Response(206, Content_Range="bytes 100-299/300"), (100, 300)),
        (Response(206, Content_Range="bytes 100-299/*", Content_Length="200"), (100, 300)),
        (Response(206, Content_Range="bytes 100-299/*"), (100, None)),
    ],
)
def test_the_length_of_the_whole_is_known_where_the_server_tells(
    response: Any, expected: tuple[int, int | None]
) -> None:
    assert _total_length(response, 100) == expected


@pytest.mark.parametrize("span", ["bytes 99-299/300", "bytes 0-299/300", ""])
def test_another_part_than_the_one_asked_for_is_not_taken(span: str) -> None:
    with pytest.raises(_BrokenOffError, match="the wrong range"):
        _total_length(Response(206, Content_Range=span), 100)  # type: ignore[arg-type]


def test_a_weak_version_is_none(server: FileServer, tmp_path: Path) -> None:
    # It may be that of other bytes: the file is fetched from its start.
    server.script.etag = 'W/"one"'
    server.script.breaks_after = [100_000, None]
    result = download(RemoteFile(server.url("m.pbmm")), tmp_path)
    assert result.path.read_bytes() == BODY
    assert [r.get("Range") for r in server.script.requests] == [None, None]


def test_a_file_without_end_is_left_at_the_limit(
    server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download_module, "_refuse_length", lambda file, length: None)
    monkeypatch.setattr(download_module, "LARGEST_BYTES", 100_000)
    with pytest.raises(ModelError, match="is longer than 100,000 bytes"):
        download(RemoteFile(server.url("m.pbmm")), tmp_path)
    assert (tmp_path / "m.pbmm.part").stat().st_size <= 100_000


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_not_tried_again(
    server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    tries: list[int] = []

    def fail(*_: Any) -> None:
        tries.append(1)
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(download_module, "_fetch", fail)
    with pytest.raises(ModelError, match="no space left for m"):
        download(RemoteFile(server.url("m.pbmm")), tmp_path)
    assert tries == [1]
