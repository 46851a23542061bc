"""``streamer serve`` as a command: what it refuses to do, and how it ends."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.server.running import PACKAGES, running_server
from tests.server.speech import SAMPLE, sample, sample_display, sample_words
from tests.support.paths import ROOT
from tests.support.terminal.command_line import environment, error_of, run

WITHOUT = """
import sys
sys.modules["starlette"] = None
from streamer.cli.app import main
main(["serve"])
"""


def test_without_the_extra_it_says_what_to_install() -> None:
    result = subprocess.run(
        [sys.executable, "-c", WITHOUT], env=environment(), capture_output=True, text=True
    )
    assert result.returncode == 2
    wanted = "Python 3.10" if sys.version_info < (3, 10) else 'pip install "streamer-stt[server]"'
    assert wanted in result.stderr and len(result.stderr.splitlines()) == 1


def need_packages() -> None:
    for package in PACKAGES:
        pytest.importorskip(package)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--host", "0.0.0.0"], "other machines can reach 0.0.0.0, and there is no token"),
        (["--wyoming", "10300"], "'10300' is not an address"),
        (["--wyoming", "0.0.0.0:10300"], "Wyoming has no token"),
        (["--tls-key", "key.pem"], "--tls-key needs --tls-cert"),
        (["--tls-cert", "none.pem"], "there is no file none.pem"),
        (["--tls-cert", str(ROOT / "README.md")], "README.md cannot be used ("),
        (["--origin", "example.org"], "'example.org' is not an origin"),
        (["--token-file", "none"], "none cannot be read"),
        (["--token-file", "/dev/zero"], "/dev/zero cannot be read"),
        (["--model", "none"], "none"),
    ],
)
def test_what_would_be_unsafe_or_cannot_be_is_refused(options: list[str], message: str) -> None:
    need_packages()
    result = run("serve", "--port", "0", *options)
    assert result.returncode in (1, 2) and message in error_of(result)


def test_a_short_token_is_refused(tmp_path: Path) -> None:
    need_packages()
    (tmp_path / "token").write_text("secret\n")
    result = run("serve", "--host", "0.0.0.0", "--token-file", tmp_path / "token")
    assert result.returncode == 2 and "shorter than 16 characters" in error_of(result)


def test_a_key_with_a_password_is_refused_and_nobody_is_asked_for_it(tmp_path: Path) -> None:
    need_packages()
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-passout", "pass:secret"]
    names = ["-subj", "/CN=localhost", "-keyout", str(key), "-out", str(certificate)]
    try:
        subprocess.run([*command, *names], check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("there is no openssl")
    result = run("serve", "--port", "0", "--tls-cert", certificate, "--tls-key", key)
    assert result.returncode == 2 and "the key without a password" in error_of(result)


def test_a_port_that_is_taken_is_named_at_once() -> None:
    need_packages()
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        result = run("serve", "--port", str(port))
    assert result.returncode == 2 and f"cannot listen on 127.0.0.1:{port}" in error_of(result)


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_at_sigterm_streams_end_with_their_finals() -> None:
    need_packages()
    import websockets

    with running_server() as server:

        async def work() -> list[dict[str, Any]]:
            async with websockets.connect(server.websocket_url + "/v1/listen") as websocket:
                idle = await websockets.connect(server.websocket_url)
                await websocket.send(sample().tobytes())
                events = [json.loads(await websocket.recv())]
                server.process.send_signal(signal.SIGTERM)
                events += [json.loads(message) async for message in websocket]
                await idle.wait_closed()
                return events

        events = asyncio.run(asyncio.wait_for(work(), 60))
        assert server.process.wait(60) == 0
    finals = [event["text"] for event in events if event["type"] == "final"]
    assert " ".join(finals) == sample_words()
    assert not [line for line in server.messages if "Traceback" in line or "rror" in line]


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_at_sigterm_a_recording_is_not_cut_off_and_vosk_gets_its_last_words() -> None:
    need_packages()
    httpx = pytest.importorskip("httpx")
    import websockets

    with running_server("--workers", "1") as server:

        async def work() -> tuple[str, dict[str, Any]]:
            async with (
                httpx.AsyncClient(timeout=60) as client,
                websockets.connect(server.websocket_url) as vosk,
            ):
                await vosk.send('{"config": {"sample_rate": 16000}}')
                await vosk.send(sample()[:48000].tobytes())
                assert json.loads(await vosk.recv())["partial"]
                upload = client.post(
                    server.url + "/v1/audio/transcriptions", files={"file": SAMPLE.read_bytes()}
                )
                sending = asyncio.ensure_future(upload)
                while (await client.get(server.url + "/health")).json()["streams"] < 2:
                    assert not sending.done()
                server.process.send_signal(signal.SIGTERM)
                last = json.loads(await vosk.recv())
                await vosk.wait_closed()
                assert vosk.close_code == 1012
                return (await sending).json()["text"], last

        text, last = asyncio.run(asyncio.wait_for(work(), 60))
        assert server.process.wait(60) == 0
    assert text == sample_display()
    assert last["text"].split()[:4] == sample_words().split()[:4]
    assert not [line for line in server.messages if "Traceback" in line or "rror" in line]
