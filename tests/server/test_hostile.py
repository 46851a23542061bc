"""Clients that leave undone what they began, or that no library would be."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from tests.server.running import PACKAGES, shared_server

for package in PACKAGES:
    pytest.importorskip(package)
httpx = pytest.importorskip("httpx")

import uvicorn  # noqa: E402
import websockets  # noqa: E402

from streamer.server import connections  # noqa: E402
from streamer.server.connections import WebSocketProtocol, http_protocol  # noqa: E402
from tests.server.speech import RATE_HZ, SAMPLE, sample  # noqa: E402

UPGRADE = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
KEY = "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
FILES = "/v1/audio/transcriptions"


def run(work: Any) -> Any:
    return asyncio.run(asyncio.wait_for(work, 60))


async def answer_to(request: str | bytes, port: int) -> bytes:
    """What a server says until it closes the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request.encode() if isinstance(request, str) else request)
    answer = b""
    with contextlib.suppress(ConnectionError):
        answer = await reader.read()
    writer.close()
    return answer


@pytest.mark.parametrize(
    "request_text",
    [
        "GET / HTTP/1.1\r\nHost: [\r\nConnection: close\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\xbdb\r\nConnection: close\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nOrigin: http://[\r\nConnection: close\r\n\r\n",
        f"GET / HTTP/1.1\r\nHost: [\r\n{UPGRADE}{KEY}\r\n",
    ],
)
def test_a_host_or_an_origin_that_is_no_address_is_refused(request_text: str) -> None:
    answer = run(answer_to(request_text.encode("latin-1"), shared_server().port))
    assert answer.startswith(b"HTTP/1.1 403 ") and b'"error"' in answer


@pytest.mark.parametrize(
    "lines",
    [
        "POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 5\r\n" + UPGRADE + KEY,
        "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n" + "X: a\r\n" * 300 + UPGRADE + KEY,
        "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n" + UPGRADE,
    ],
    ids=["post", "headers", "key"],
)
def test_what_is_no_handshake_of_a_websocket_is_a_bad_request(lines: str) -> None:
    answer = run(answer_to(lines + "\r\n", shared_server().port))
    assert answer.startswith(b"HTTP/1.1 400 ")


def test_there_is_no_websocket_elsewhere() -> None:
    async def work() -> Any:
        async with websockets.connect(shared_server().websocket_url + "/v1/nowhere"):
            pass

    with pytest.raises(websockets.InvalidStatus) as caught:
        run(work())
    assert caught.value.response.status_code == 404 and b" - " in caught.value.response.body


def test_the_head_of_a_stream_that_others_read_is_answered() -> None:
    async def work() -> Any:
        url = shared_server().websocket_url + "/v1/listen?name=head"
        async with websockets.connect(url), httpx.AsyncClient() as client:
            return await client.head(shared_server().url + "/v1/streams/head/events")

    assert run(work()).headers["content-type"].startswith("text/event-stream")


# Uvicorn's connections, in this process


@contextlib.asynccontextmanager
async def serving(app: Callable[..., Any], max_connections: int = 8) -> AsyncIterator[Any]:
    """A server of ours with another application."""
    config = uvicorn.Config(
        app,
        http=http_protocol(max_connections),
        ws=WebSocketProtocol,
        lifespan="off",
        log_level="critical",
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    listening = socket.create_server(("127.0.0.1", 0))
    server.port = listening.getsockname()[1]  # type: ignore[attr-defined]
    task = asyncio.ensure_future(server.serve([listening]))
    while not server.started:
        await asyncio.sleep(0.01)
    try:
        yield server
    finally:
        server.should_exit = True
        await task


async def hello(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"hello"})


@pytest.mark.parametrize(
    "start",
    [
        b"",
        b"GET / HTTP/1.1\r\nHost: x\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n",
    ],
    ids=["nothing", "first", "second"],
)
def test_a_request_that_does_not_come_in_full_is_not_waited_for(
    start: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "REQUEST_S", 0.05)

    async def work() -> None:
        async with serving(hello) as server:
            answer = await answer_to(start, server.port)
            assert answer.count(b"hello") == start.count(b"\r\n\r\n")

    run(work())


def test_a_request_that_comes_in_pieces_is_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "REQUEST_S", 30.0)

    async def work() -> None:
        async with serving(hello) as server:
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            for _ in range(2):
                for piece in (b"GET / HT", b"TP/1.1\r\nHo", b"st: x\r\n", b"\r\n"):
                    writer.write(piece)
                    await asyncio.sleep(0.01)
                assert b"hello" in await reader.readuntil(b"hello")
            writer.close()

    run(work())


def test_connections_without_a_request_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "REFUSED_CONNECTIONS", 2)

    async def work() -> None:
        async with serving(hello, max_connections=3) as server:
            opened = [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(5)]
            assert await answer_to(b"", server.port) == b""  # closed at once, while those stay
            assert len(server.server_state.connections) == 5
            for _, writer in opened:
                writer.transport.abort()
            while server.server_state.connections:
                await asyncio.sleep(0.01)
            assert b"hello" in await answer_to(
                b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", server.port
            )

    run(work())


def test_a_client_that_does_not_read_its_answer_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "SEND_S", 0.05)

    async def endless(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while (await asyncio.sleep(0, True)) and server_has_it:
            await send({"type": "http.response.body", "body": bytes(65536), "more_body": True})

    server_has_it = True

    async def work() -> None:
        nonlocal server_has_it
        async with serving(endless) as server:
            _, writer = await asyncio.open_connection("127.0.0.1", server.port, limit=1024)
            writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            while not server.server_state.connections:
                await asyncio.sleep(0.01)
            while server.server_state.connections:
                await asyncio.sleep(0.01)
            server_has_it = False
            writer.transport.abort()

    run(work())


def test_pings_that_nobody_reads_the_answers_of_take_no_memory() -> None:
    async def talk(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "websocket.accept"})
        while (await receive())["type"] != "websocket.disconnect":
            pass

    async def work() -> None:
        async with serving(talk) as server:
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port, limit=1024)
            writer.write(f"GET / HTTP/1.1\r\nHost: x\r\n{UPGRADE}{KEY}\r\n".encode())
            await reader.readuntil(b"\r\n\r\n")
            (connection,) = server.server_state.connections
            reader._transport.pause_reading()  # type: ignore[attr-defined]
            pings = (b"\x89\xfd\x00\x00\x00\x00" + b"a" * 125) * 1000
            sent = 0
            while sent < 32 << 20:
                writer.write(pings)
                sent += len(pings)
                await writer.drain()
            # Uvicorn's bound of what waits to be written, and one reading more.
            assert connection.transport.get_write_buffer_size() < 256 << 10
            writer.transport.abort()

    run(work())


# Recordings


def test_a_client_that_goes_while_its_recording_is_sent_is_no_fault() -> None:
    server = shared_server()
    n_messages = len(server.messages)

    async def work() -> None:
        _, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(
            f"POST {FILES} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9999\r\n"
            "Content-Type: multipart/form-data; boundary=x\r\n\r\n--x\r\n".encode()
        )
        await writer.drain()
        writer.transport.abort()
        async with httpx.AsyncClient() as client:
            bad = await client.post(
                server.url + FILES,
                content=b"--y",
                headers={"Content-Type": "multipart/form-data; boundary=x"},
            )
            assert bad.status_code == 400

    run(work())
    assert server.messages[n_messages:] == []


def test_a_recording_whose_client_has_gone_is_not_transcribed_to_its_end(tmp_path: Any) -> None:
    soundfile = pytest.importorskip("soundfile")
    import numpy as np

    soundfile.write(tmp_path / "long.flac", np.tile(sample(), 200), RATE_HZ)  # 40 minutes
    server = shared_server()

    async def audio_s(client: Any) -> float:
        lines = (await client.get(server.url + "/metrics")).text.splitlines()
        (line,) = [line for line in lines if line.startswith("streamer_audio_seconds_total")]
        return float(line.split()[1])

    async def work() -> float:
        async with httpx.AsyncClient(timeout=60) as client:
            before = await audio_s(client)
            data = (tmp_path / "long.flac").read_bytes()
            sending = asyncio.ensure_future(client.post(server.url + FILES, files={"file": data}))
            while not (await client.get(server.url + "/health")).json()["streams"]:
                await asyncio.sleep(0.05)
            sending.cancel()
            while (await client.get(server.url + "/health")).json()["streams"]:
                await asyncio.sleep(0.05)
            return await audio_s(client) - before

    assert run(work()) < 1200


@pytest.mark.parametrize("content", [b"", b"this is no sound"])
def test_errors_do_not_tell_where_the_server_keeps_a_recording(content: bytes) -> None:
    response = httpx.post(shared_server().url + FILES, files={"file": ("a.wav", content)})
    assert response.status_code == 400
    assert response.json()["error"]["message"].startswith("the recording is ")


@pytest.mark.parametrize("name", ["../../a.flac", "a\0b.flac", "a." + "x" * 999, "recording.ä", ""])
def test_the_name_of_a_recording_is_not_trusted(name: str) -> None:
    body = (
        b'--x\r\nContent-Disposition: form-data; name="file"; filename="%s"\r\n\r\n%s\r\n--x--\r\n'
    )
    response = httpx.post(
        shared_server().url + FILES,
        content=body % (name.encode(), SAMPLE.read_bytes()),
        headers={"Content-Type": "multipart/form-data; boundary=x"},
        timeout=60,
    )
    assert response.status_code == 200 and response.json()["text"]
