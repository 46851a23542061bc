"""Downloads a file over HTTP: resumable, and checked before it gets its name.

A partial download is ``NAME.part``; ``NAME.part.json`` records the version of
the file on the server that it belongs to.
"""

from __future__ import annotations

import http.client
import json
import os
import urllib.error
import urllib.request
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any, Callable, Optional
from urllib.parse import urlsplit

from streamer.errors import ModelError
from streamer.models.catalogue import RemoteFile
from streamer.private_files import make_private_folder
from streamer.untrusted.regular_files import md5_of, sha256_of

#: Bytes read at a time: small enough for a progress bar on a slow connection.
BLOCK_BYTES = 1 << 16
#: Upper bound for a download; no public model comes near it.
LARGEST_BYTES = 8 << 30
#: A connection without data for this long is closed and opened again.
STALL_SECONDS = 30.0
#: Connections tried before a download fails.
ATTEMPTS = 4

#: Called with the bytes received and the total length (None if unknown).
ProgressCallback = Callable[[int, Optional[int]], None]


@dataclass(frozen=True)
class Download:
    """A completed download.

    Attributes:
        path: the file.
        size: its length in bytes.
        sha256: its SHA-256 in hexadecimal.
    """

    path: Path
    size: int
    sha256: str


class _BrokenOffError(Exception):
    """The connection broke; the partial download is kept and continued."""


class _SafeRedirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects to http and https only, and never from https to http."""

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
                f"{req.full_url} redirects to {newurl}, which is not safe to follow",
                "download the file by other means and use: streamer models import",
            )
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _read_mark(mark: Path, url: str) -> str | None:
    """Return the validator (ETag or date) of the partial download, if it is of this URL."""
    try:
        entry = json.loads(mark.read_text(encoding="utf-8"))
        return str(entry["validator"]) if entry["url"] == url and entry["validator"] else None
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def _total_length(response: http.client.HTTPResponse, offset: int) -> tuple[int, int | None]:
    """Return the offset of the response body and the total length of the file."""
    length = response.headers.get("Content-Length")
    body = int(length) if length and length.isdigit() else None
    if response.status == 206:
        span = response.headers.get("Content-Range", "")
        start, _, total = span.replace("bytes ", "").partition("/")
        if start.split("-")[0] == str(offset):
            if total.isdigit():
                return offset, int(total)
            return offset, None if body is None else offset + body
        raise _BrokenOffError(f"the server sent the wrong range ({span})")
    return 0, body


def _fetch(
    file: RemoteFile, part: Path, mark: Path, timeout_s: float, progress: ProgressCallback
) -> None:
    """Complete ``part``, or raise `_BrokenOffError` or `ModelError`."""
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
                    raise ModelError(
                        f"{file.url} is longer than {LARGEST_BYTES:,} bytes", "check the address"
                    )
                sink.write(block)
                progress(received, total)
        if total is not None and received < total:
            raise _BrokenOffError(f"the connection broke after {received:,} of {total:,} bytes")
        _refuse_length(file, received)


def _refuse_length(file: RemoteFile, length: int | None) -> None:
    if length is not None and file.size is not None and length != file.size:
        raise ModelError(
            f"{file.url} has {length:,} bytes instead of {file.size:,}",
            "the file has changed or this is the wrong server: do not use it",
        )
    if length is not None and length > LARGEST_BYTES:
        raise ModelError(f"{file.url} claims to have {length:,} bytes", "check the address")


def download(
    file: RemoteFile,
    folder: Path,
    progress: ProgressCallback = lambda received, total: None,
    *,
    timeout_s: float = STALL_SECONDS,
    attempts: int = ATTEMPTS,
) -> Download:
    """Download a file into a folder, continuing an earlier partial download.

    Args:
        file: the file; its size and checksums are checked if they are given, and its mirrors
            are tried in turn if that fails.
        folder: the target folder, created if necessary.
        progress: called as data arrives.
        timeout_s: a connection without data for this long is opened again.
        attempts: connections tried before the download fails.

    Raises:
        ModelError: the download failed, or the file has the wrong size or checksum.
    """
    for mirror in file.mirrors:
        try:
            return _download(file, folder, progress, timeout_s, attempts)
        except ModelError:
            file = replace(file, url=mirror, mirrors=file.mirrors[1:])
    return _download(file, folder, progress, timeout_s, attempts)


def _download(
    file: RemoteFile, folder: Path, progress: ProgressCallback, timeout_s: float, attempts: int
) -> Download:
    """Download a file from its first address."""
    if urlsplit(file.url).scheme not in ("http", "https") or not file.file_name:
        raise ModelError(f"{file.url} is not the address of a file", "give an http or https URL")
    make_private_folder(folder)
    whole = folder / file.file_name
    part = whole.with_name(whole.name + ".part")
    mark = whole.with_name(whole.name + ".part.json")
    if not whole.exists():
        _fetch_patiently(file, part, mark, timeout_s, attempts, progress)
        os.replace(part, whole)
        mark.unlink()
    digest = sha256_of(whole)
    _check_digest(file, whole, "SHA-256", file.sha256, digest)
    if file.md5 is not None:
        _check_digest(file, whole, "MD5", file.md5, md5_of(whole))
    return Download(whole, whole.stat().st_size, digest)


def _check_digest(file: RemoteFile, whole: Path, kind: str, wanted: str | None, got: str) -> None:
    if wanted is not None and got != wanted:
        whole.unlink()
        raise ModelError(
            f"{file.url} has the {kind} {got[:16]}... instead of {wanted[:16]}...",
            "the file was changed or damaged: do not use it, or download it again",
        )


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
            if error.code == 416:  # the partial download no longer fits the file: start again
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
                    f"no space left for {file.file_name} in {part.parent}",
                    "free some space, then run the same command to continue",
                ) from error
            inner = getattr(error, "reason", error)
            reason = str(inner) or type(inner).__name__
    raise ModelError(
        f"{file.url}: {reason}",
        "check the network connection, then run the same command to continue",
    )
