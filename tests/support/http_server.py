"""A file server on the loopback interface that can misbehave like real ones."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Script:
    """The server's behaviour; a test can change it at any time.

    Attributes:
        body: the file.
        etag: its version.
        breaks_after: bytes after which the line is cut, an entry a request; None: never.
        stall: an event the server waits for half-way, or None.
        stated_length: a false Content-Length.
        status: answered instead of the file.
        location: where requests are sent on to.
        ranges: whether parts are served.
    """

    body: bytes = b""
    etag: str | None = '"one"'
    breaks_after: list[int | None] = field(default_factory=list)
    stall: threading.Event | None = None
    stated_length: int | None = None
    status: int = 200
    location: str | None = None
    ranges: bool = True
    requests: list[dict[str, str]] = field(default_factory=list)


class FileServer:
    """Serves one `Script` under every path; a context manager."""

    def __init__(self) -> None:
        self.script = Script()
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.answer(self)

            def log_message(self, *arguments: Any) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self._http.server_address[1]}/{path}"

    def __enter__(self) -> FileServer:
        threading.Thread(target=self._http.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *exception: object) -> None:
        if self.script.stall is not None:
            self.script.stall.set()
        self._http.shutdown()
        self._http.server_close()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        script = self.script
        script.requests.append(dict(request.headers.items()))
        if script.location is not None:
            request.send_response(302)
            request.send_header("Location", script.location)
            request.send_header("Content-Length", "0")
            request.end_headers()
            return
        if script.status != 200:
            request.send_error(script.status)
            return
        body, start = script.body, 0
        wanted = request.headers.get("Range")
        fits = request.headers.get("If-Range") == script.etag
        if wanted and script.ranges and fits:
            start = int(wanted[len("bytes=") :].rstrip("-"))
            if start >= len(body):
                request.send_error(416)
                return
            request.send_response(206)
            request.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        else:
            request.send_response(200)
        if script.etag:
            request.send_header("ETag", script.etag)
        length = len(body) - start if script.stated_length is None else script.stated_length
        request.send_header("Content-Length", str(length))
        request.end_headers()
        limit = script.breaks_after.pop(0) if script.breaks_after else None
        rest = body[start:] if limit is None else body[start : start + limit]
        half = len(rest) // 2
        _send(request, rest[:half])
        if script.stall is not None:
            script.stall.wait(60)
        _send(request, rest[half:])
        request.close_connection = True


def _send(request: BaseHTTPRequestHandler, block: bytes) -> None:
    try:
        request.wfile.write(block)
        request.wfile.flush()
    except OSError:
        pass  # the client has disconnected
