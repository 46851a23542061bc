"""Fetches one file over HTTP: resumed where it broke off, checked, never half there.

A download grows in ``NAME.part``; beside it ``NAME.part.json`` says which
version of the file it belongs to. Only a whole and checked file gets its name.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Callable, Optional
from urllib.parse import urlsplit

from streamer.errors import ModelError
from streamer.models.catalogue import RemoteFile

#: Bytes read at a time: small enough that a progress bar moves on a slow line.
BLOCK_BYTES = 1 << 16
#: No public model comes near this; a server that goes on beyond it is stopped.
LARGEST_BYTES = 8 << 30
#: A line that brings nothing for so long is given up and tried again.
STALL_SECONDS = 30.0
#: How often a download that broke off is taken up again before the user is told.
ATTEMPTS = 4

#: Called with bytes so far and the whole length (None: not stated).
ProgressCallback = Callable[[int, Optional[int]], None]


@dataclass(frozen=True)
class Download:
    """A file that arrived whole.

    Attributes:
        path: where it is.
        size: its length in bytes.
        sha256: its sum in hexadecimal.
    """

    path: Path
    size: int
    sha256: str


class _BrokenOffError(Exception):
    """The line broke; what has arrived stays and the rest is asked for again."""


class _SafeRedirects(urllib.request.HTTPRedirectHandler):
    """Follows redirections to http and https only, and never from https to http."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: Any,
        newurl: str,
    ) -> urllib.request.Request | None:
        """See the base class."""
        schemes = urlsplit(req.full_url).scheme, urlsplit(newurl).scheme
        if schemes not in {("http", "http"), ("http", "https"), ("https", "https")}:
            raise ModelError(
                f"{req.full_url} sends on to {newurl}, which is not safe to follow",
                "download the file by other means and use: streamer models import",
            )
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _sum(path: Path) -> str:
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()


def _read_mark(mark: Path, url: str) -> str | None:
    """Return the validator (ETag or date) of the part that is there, if it fits the URL."""
    try:
        entry = json.loads(mark.read_text(encoding="utf-8"))
        return str(entry["validator"]) if entry["url"] == url and entry["validator"] else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _total_length(response: http.client.HTTPResponse, offset: int) -> tuple[int, int | None]:
    """Return where the body begins and how long the whole file is."""
    length = response.headers.get("Content-Length")
    body = int(length) if length and length.isdigit() else None
    if response.status == 206:
        span = response.headers.get("Content-Range", "")
        start, _, total = span.replace("bytes ", "").partition("/")
        if start.split("-")[0] == str(offset):
            if total.isdigit():
                return offset, int(total)
            return offset, None if body is None else offset + body
        raise _BrokenOffError(f"the server sent another part of the file ({span})")
    return 0, body


def _fetch(
    file: RemoteFile, part: Path, mark: Path, timeout_s: float, progress: ProgressCallback
) -> None:
    """Bring ``part`` to the file's full length, or raise `_BrokenOffError` or `ModelError`."""
    offset = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(file.url, headers={"User-Agent": "streamer"})
    request.add_header("Accept-Encoding", "identity")
    validator = _read_mark(mark, file.url)
    if offset and validator:
        request.add_header("Range", f"bytes={offset}-")
        request.add_header("If-Range", validator)
    else:
        offset = 0
    opener = urllib.request.build_opener(_SafeRedirects)
    with opener.open(request, timeout=timeout_s) as response:
        start, total = _total_length(response, offset)
        _refuse_length(file, total)
        validator = response.headers.get("ETag") or response.headers.get("Last-Modified")
        if validator and validator.startswith("W/"):
            validator = response.headers.get("Last-Modified")
        entry = {"url": file.url, "validator": validator, "total": total}
        mark.write_text(json.dumps(entry), encoding="utf-8")
        received = start
        with open(part, "r+b" if start else "wb") as sink:
            sink.seek(start)
            sink.truncate()
            progress(received, total)
            while True:
                block = response.read(BLOCK_BYTES)
                if not block:
                    break
                received += len(block)
                if received > LARGEST_BYTES:
                    raise ModelError(f"{file.url} does not end", "check the address")
                sink.write(block)
                progress(received, total)
        if total is not None and received < total:
            raise _BrokenOffError(f"the line broke after {received:,} of {total:,} bytes")
        _refuse_length(file, received)


def _refuse_length(file: RemoteFile, length: int | None) -> None:
    if length is not None and file.size is not None and length != file.size:
        raise ModelError(
            f"{file.url} has {length:,} bytes instead of {file.size:,}",
            "the file was changed or the server is not the right one: do not use it",
        )
    if length is not None and length > LARGEST_BYTES:
        raise ModelError(f"{file.url} says it has {length:,} bytes", "check the address")


def download(
    file: RemoteFile,
    folder: Path,
    progress: ProgressCallback = lambda received, total: None,
    *,
    timeout_s: float = STALL_SECONDS,
    attempts: int = ATTEMPTS,
) -> Download:
    """Fetch a file into a folder, going on from where an earlier call broke off.

    Args:
        file: what to fetch; its size and sum are checked where they are given.
        folder: where it goes, made if need be.
        progress: told how far it is.
        timeout_s: a connection that brings nothing for so long is taken anew.
        attempts: how many connections may break before it is given up.

    Raises:
        ModelError: it cannot be had, or is not what it should be.
    """
    if urlsplit(file.url).scheme not in ("http", "https") or not file.file_name:
        raise ModelError(f"{file.url}: not an address of a file", "give an http or https URL")
    folder.mkdir(parents=True, exist_ok=True)
    whole = folder / file.file_name
    part = whole.with_name(whole.name + ".part")
    mark = whole.with_name(whole.name + ".part.json")
    if not whole.exists():
        _fetch_patiently(file, part, mark, timeout_s, attempts, progress)
        os.replace(part, whole)
        mark.unlink()
    digest = _sum(whole)
    if file.sha256 is not None and digest != file.sha256:
        whole.unlink()
        raise ModelError(
            f"{file.url} has the SHA-256 {digest[:16]}... instead of {file.sha256[:16]}...",
            "the file was changed or damaged: do not use it, or try the download once more",
        )
    return Download(whole, whole.stat().st_size, digest)


def _fetch_patiently(
    file: RemoteFile,
    part: Path,
    mark: Path,
    timeout_s: float,
    attempts: int,
    progress: ProgressCallback,
) -> None:
    reason = ""
    for _ in range(attempts):
        try:
            _fetch(file, part, mark, timeout_s, progress)
            return
        except urllib.error.HTTPError as error:
            if error.code == 416:  # the part does not fit the file any more: begin anew
                part.unlink()
                reason = "the server's file has changed"
                continue
            raise ModelError(
                f"{file.url}: the server answered {error.code} {error.reason}",
                "check the name or the address, or try again later",
            ) from error
        except _BrokenOffError as error:
            reason = str(error)
        except (OSError, http.client.HTTPException) as error:
            if isinstance(error, OSError) and error.errno in (28, 122):  # no space, quota
                raise ModelError(
                    f"no room for {file.file_name} in {part.parent}",
                    "make room, then run the same command: it goes on from there",
                ) from error
            inner = getattr(error, "reason", error)
            reason = str(inner) or type(inner).__name__
    raise ModelError(
        f"{file.url}: {reason}",
        "check the network, then run the same command: it goes on from there",
    )
