"""Who is let in, how much of anything is taken, and what a refusal looks like."""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.server.running import PACKAGES, Running, running_server, shared_server
from tests.server.speech import SAMPLE, sample, sample_display

for package in PACKAGES:
    pytest.importorskip(package)
httpx = pytest.importorskip("httpx")

import websockets  # noqa: E402

from streamer.server.access import is_loopback  # noqa: E402

TOKEN = "correct horse battery staple"
LISTEN = "/v1/listen"


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A server with a token and small limits."""
    path = tmp_path_factory.mktemp("serve") / "token"
    path.write_text(TOKEN + "\n")
    options = ["--token-file", str(path), "--workers", "1", "--max-streams", "1", "--idle", "3"]
    limits = ["--max-connections", "4", "--max-upload", "1", "--max-minutes", "0.1"]
    with running_server(*options, *limits, "--origin", "https://friend.example") as server:
        yield server


def run(work: Any) -> Any:
    return asyncio.run(asyncio.wait_for(work, 60))


async def status_of(url: str, **options: Any) -> int:
    """The status that a WebSocket is refused with; 101 if it is not."""
    try:
        async with websockets.connect(url, **options):
            return 101
    except websockets.InvalidStatus as refused:
        json.loads(refused.response.body)["error"]["message"].index(" - ")
        return int(refused.response.status_code)


BEARER = {"Authorization": f"Bearer {TOKEN}"}


def test_without_the_token_there_is_only_the_page(strict: Running) -> None:
    for path in ("/", "/captions", "/page/app.js", "/health"):
        assert httpx.get(strict.url + path).status_code == 200
    for path in ("/metrics", "/v1/streams", "/v1/models", "/v1/streams/x/events"):
        refused = httpx.get(strict.url + path)
        assert refused.status_code == 401 and refused.headers["www-authenticate"] == "Bearer"
    assert httpx.post(strict.url + "/v1/audio/transcriptions").status_code == 401
    for path in ("/", LISTEN, "/v1/realtime"):
        assert run(status_of(strict.websocket_url + path)) == 401
        assert run(status_of(strict.websocket_url + path + "?token=wrong")) == 401


def test_the_token_may_be_a_header_a_query_or_a_subprotocol(strict: Running) -> None:
    assert httpx.get(strict.url + "/metrics", headers=BEARER).status_code == 200
    assert httpx.get(strict.url + "/metrics", params={"token": TOKEN}).status_code == 200
    url = strict.websocket_url
    assert run(status_of(f"{url}/?token={TOKEN.replace(' ', '%20')}")) == 101
    assert run(status_of(url + LISTEN, additional_headers=BEARER)) == 101


def test_pages_of_other_sites_are_refused(strict: Running) -> None:
    for origin, status in [("https://evil.example", 403), ("https://friend.example", 101)]:
        options = {"additional_headers": BEARER, "origin": origin}
        assert run(status_of(strict.websocket_url + LISTEN, **options)) == status
    own = {"origin": shared_server().url}
    assert run(status_of(shared_server().websocket_url + LISTEN, **own)) == 101
    evil = {"Origin": "http://evil.example"}
    assert httpx.get(shared_server().url + "/v1/streams", headers=evil).status_code == 403
    assert (
        httpx.get(shared_server().url + "/v1/streams", headers={"Origin": "null"}).status_code
        == 403
    )


def test_a_name_that_is_not_this_machine_is_refused() -> None:
    """DNS rebinding: a page of evil.example whose name now means 127.0.0.1."""
    url = shared_server().url
    for host, status in [("evil.example", 403), ("localhost", 200), ("127.0.0.1:1", 200)]:
        assert httpx.get(url + "/v1/streams", headers={"Host": host}).status_code == status


def test_a_stream_too_many_is_told_to_come_again(strict: Running) -> None:
    async def work() -> tuple[int, int]:
        url = strict.websocket_url + LISTEN
        options = {"additional_headers": BEARER}
        async with (
            websockets.connect(url, **options) as one,
            websockets.connect(url, **options) as other,
        ):
            await one.send(bytes(64000))
            await one.send(sample()[:32000].tobytes())
            while True:  # until its first words are there, it has a worker
                if json.loads(await one.recv())["type"] == "partial":
                    break
            await other.send(bytes(3200))
            with pytest.raises(websockets.ConnectionClosedError) as caught:
                await other.recv()
            async with httpx.AsyncClient(headers=BEARER) as client:
                response = await client.post(
                    strict.url + "/v1/audio/transcriptions", files={"file": SAMPLE.read_bytes()}
                )
            assert response.headers["retry-after"]
            return caught.value.rcvd.code, response.status_code

    assert run(work()) == (1013, 503)


def test_a_connection_too_many_is_refused(strict: Running) -> None:
    async def work() -> int:
        async with contextlib.AsyncExitStack() as stack:
            for _ in range(4):
                options = {"additional_headers": BEARER}
                connection = websockets.connect(strict.websocket_url + LISTEN, **options)
                await stack.enter_async_context(connection)
            return await status_of(strict.websocket_url + LISTEN, additional_headers=BEARER)

    assert run(work()) == 503


def test_a_stream_that_is_too_long_ends(strict: Running) -> None:
    async def work() -> Any:
        url = strict.websocket_url + LISTEN
        async with websockets.connect(url, additional_headers=BEARER) as websocket:
            with pytest.raises(websockets.ConnectionClosedError) as caught:
                for _ in range(8):
                    await websocket.send(bytes(32000))
                while True:
                    await websocket.recv()
            return caught.value.rcvd

    close = run(work())
    assert close.code == 1008 and "longer than 6 s" in close.reason


@pytest.mark.parametrize("path", ["/", LISTEN, "/v1/realtime"])
def test_a_connection_that_says_nothing_ends(strict: Running, path: str) -> None:
    async def work() -> int:
        url = strict.websocket_url + path
        async with websockets.connect(url, additional_headers=BEARER) as websocket:
            with pytest.raises(websockets.ConnectionClosedError) as caught:
                while True:
                    await websocket.recv()
            return int(caught.value.rcvd.code)

    assert run(work()) == 1008


@pytest.mark.parametrize("chunked", [False, True])
def test_a_recording_that_is_too_long_is_refused(strict: Running, chunked: bool) -> None:
    def body() -> Iterator[bytes]:
        yield b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n'
        for _ in range(20):
            yield bytes(100_000)
        yield b"\r\n--x--\r\n"

    headers = {**BEARER, "Content-Type": "multipart/form-data; boundary=x"}
    content = body() if chunked else b"".join(body())
    url = strict.url + "/v1/audio/transcriptions"
    assert httpx.post(url, content=content, headers=headers).status_code == 413


def test_a_recording_that_stops_coming_is_not_waited_for(strict: Running) -> None:
    async def work() -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", strict.port)
        fields = ["Host: x", f"Authorization: Bearer {TOKEN}", "Content-Length: 9999"]
        fields += ["Content-Type: multipart/form-data; boundary=x"]
        request = ["POST /v1/audio/transcriptions HTTP/1.1", *fields, "", "--x"]
        writer.write("\r\n".join(request).encode())
        status = await reader.readline()
        writer.close()
        return status

    assert b" 408 " in run(work())


def test_the_figures_are_there() -> None:
    server = shared_server()
    with SAMPLE.open("rb") as file:
        httpx.post(server.url + "/v1/audio/transcriptions", files={"file": file}, timeout=60)
    page = httpx.get(server.url + "/metrics").text
    figures = dict(line.rsplit(" ", 1) for line in page.splitlines() if not line.startswith("#"))
    assert float(figures["streamer_audio_seconds_total"]) > 12
    assert 0 < float(figures["streamer_real_time_factor"]) < 20
    assert float(figures["streamer_lost_samples_total"]) == 0
    assert float(figures['streamer_streams_opened_total{protocol="openai"}']) >= 1
    assert "streamer_latency_seconds_count" in figures
    assert httpx.get(server.url + "/health").json()["status"] == "ok"


def test_pages_say_what_they_may_do() -> None:
    headers = httpx.get(shared_server().url + "/").headers
    assert headers["content-security-policy"].startswith("default-src 'self'")
    assert headers["x-content-type-options"] == "nosniff" and "server" not in headers


def test_tls(tmp_path: Path) -> None:
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1"]
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"]
    try:
        files = ["-keyout", str(key), "-out", str(certificate)]
        subprocess.run([*command, *names, *files], check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("there is no openssl")
    options = ["--tls-cert", str(certificate), "--tls-key", str(key), "--workers", "1"]
    with running_server(*options) as server, SAMPLE.open("rb") as file:
        assert server.url.startswith("https://")
        trust = ssl.create_default_context(cafile=str(certificate))
        response = httpx.post(
            server.url + "/v1/audio/transcriptions", files={"file": file}, verify=trust, timeout=60
        )
        assert response.json()["text"] == sample_display()


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "[::1]", "localhost"])
def test_loopback(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.2", "example.com", ""])
def test_not_loopback(host: str) -> None:
    assert not is_loopback(host)


def test_a_client_that_does_not_read_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    from starlette.websockets import WebSocketDisconnect

    from streamer.server import conversation

    class Stuck:
        async def send_text(self, text: str) -> None:
            await asyncio.Event().wait()

    monkeypatch.setattr(conversation, "SEND_S", 0.01)

    async def work() -> None:
        await conversation.Conversation(Stuck(), 1.0).send({})  # type: ignore[arg-type]

    with pytest.raises(WebSocketDisconnect):
        run(work())


def test_the_connection_of_such_a_client_ends_with_its_stream() -> None:
    import socket

    import uvicorn

    from streamer.server.connections import WebSocketProtocol

    async def talk(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.send", "bytes": bytes(64 << 20)})

    async def work() -> None:
        config = uvicorn.Config(talk, ws=WebSocketProtocol, lifespan="off", log_level="critical")
        server = uvicorn.Server(config)
        listening = socket.create_server(("127.0.0.1", 0))
        serving = asyncio.ensure_future(server.serve([listening]))
        port = listening.getsockname()[1]
        _, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
        fields = ["Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13"]
        fields += ["Host: x", "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=="]
        writer.write("\r\n".join(["GET / HTTP/1.1", *fields, "", ""]).encode())
        while not server.server_state.connections:
            await asyncio.sleep(0.01)
        while server.server_state.connections:
            await asyncio.sleep(0.01)
        writer.transport.abort()
        server.should_exit = True
        await serving

    run(work())


def test_the_answer_to_a_ping_may_come_after_minutes_of_audio() -> None:
    from streamer.server.run import config_of
    from streamer.server.service import Service
    from streamer.server.settings import ServerSettings

    async def work() -> None:
        settings = ServerSettings()
        config = config_of(settings, Service(settings))
        assert config.ws_ping_interval
        assert config.ws_ping_timeout is None

    run(work())
