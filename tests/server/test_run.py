"""How the server listens, who is warned of what, and how it ends."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import Coroutine
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.server.running import PACKAGES

for package in PACKAGES:
    pytest.importorskip(package)

from streamer.audio.sources import microphone as microphone_module  # noqa: E402
from streamer.errors import DeviceError, UsageError  # noqa: E402
from streamer.server import run as run_module  # noqa: E402
from streamer.server.run import (  # noqa: E402
    _drain,
    _listen,
    _microphone,
    _on_signals,
    check_certificate,
    warn_of_exposure,
)
from streamer.server.settings import ServerSettings  # noqa: E402


def run(work: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(asyncio.wait_for(work, 30))


def test_a_server_that_only_this_machine_reaches_needs_no_token() -> None:
    for host in ("127.0.0.1", "localhost", "::1", "[::1]"):
        assert warn_of_exposure(ServerSettings(host=host)) == []


def test_others_reach_it_only_with_a_token_and_better_with_a_certificate() -> None:
    with pytest.raises(UsageError, match="and there is no token - give --token-file"):
        warn_of_exposure(ServerSettings(host="0.0.0.0"))
    (remark,) = warn_of_exposure(ServerSettings(host="0.0.0.0", token="secret"))
    assert "in the clear" in remark and "--tls-cert" in remark
    safe = ServerSettings(host="0.0.0.0", token="secret", certificate=Path("a.pem"))
    assert warn_of_exposure(safe) == []


def test_a_certificate_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    check_certificate(ServerSettings())
    (tmp_path / "a.pem").write_text("not a certificate")
    for name in ("a.pem", "none.pem"):
        with pytest.raises(UsageError, match=f"the certificate .*{name} cannot be used"):
            check_certificate(ServerSettings(certificate=tmp_path / name))


def test_a_port_that_is_taken_is_known_before_anything_is_loaded() -> None:
    with _listen("127.0.0.1", 0) as listening:
        port = listening.getsockname()[1]
        assert listening.family == socket.AF_INET
        with pytest.raises(UsageError, match=f"cannot listen on 127.0.0.1:{port}: .* - choose"):
            _listen("127.0.0.1", port)


class Streams:
    """The streams of a stand-in for the service; some end, some never do."""

    def __init__(self, n_stuck: int, n_ending: int = 0) -> None:
        self.abandoned: list[Any] = []
        stuck = [SimpleNamespace(abandon=self.abandoned.append) for _ in range(n_stuck)]
        self.answers = [[*stuck, *[None] * n] for n in range(n_ending, -1, -1)]
        self.drained = False
        self.pool = self
        self.settings = SimpleNamespace(limits=SimpleNamespace(drain_s=1e9 if not stuck else 0.0))

    @property
    def streams(self) -> list[Any]:
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    def drain(self) -> None:
        self.drained = True


@pytest.fixture
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_module, "_POLL_S", 0.0)


@pytest.mark.usefixtures("no_pause")
def test_streams_that_end_in_time_are_waited_for_in_silence() -> None:
    said: list[str] = []
    streams: Any = Streams(0, n_ending=3)
    run(_drain(streams, said.append))
    assert streams.drained and said == [] and streams.abandoned == []


@pytest.mark.usefixtures("no_pause")
def test_streams_that_do_not_are_counted_and_given_up() -> None:
    said: list[str] = []
    streams: Any = Streams(2)
    run(_drain(streams, said.append))
    assert said == ["2 streams did not end in time"]
    assert [str(error) for error in streams.abandoned] == [
        "the server is stopping - try again later"
    ] * 2


@pytest.fixture
def kept_signals() -> Any:
    """The handlers of this process, put back afterwards."""
    numbers = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
    before = {number: signal.getsignal(number) for number in numbers}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.skipif(os.name == "nt", reason="needs signals of POSIX")
@pytest.mark.usefixtures("kept_signals")
def test_the_first_signal_stops_it_and_the_second_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    codes: list[int] = []
    monkeypatch.setattr(os, "_exit", codes.append)

    async def work() -> None:
        stopping = asyncio.Event()
        _on_signals(stopping)
        signal.raise_signal(signal.SIGTERM)
        await stopping.wait()
        assert codes == []
        signal.raise_signal(signal.SIGINT)
        while not codes:
            await asyncio.sleep(0)

    run(work())
    assert codes == [128 + signal.SIGINT]


@pytest.mark.skipif(os.name == "nt", reason="needs signals of POSIX")
@pytest.mark.usefixtures("kept_signals")
def test_a_signal_that_is_ignored_stays_so() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as under nohup

    async def work() -> None:
        _on_signals(asyncio.Event())

    run(work())
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN


@pytest.mark.skipif(os.name == "nt", reason="needs signals of POSIX")
@pytest.mark.usefixtures("kept_signals")
def test_where_loops_hear_no_signals_handlers_do() -> None:
    async def work() -> None:
        loop: Any = asyncio.get_running_loop()

        def refuse(*_: Any) -> None:
            raise NotImplementedError  # as on Windows

        loop.add_signal_handler = refuse
        stopping = asyncio.Event()
        _on_signals(stopping)
        signal.raise_signal(signal.SIGTERM)
        await stopping.wait()

    run(work())


def test_a_microphone_that_fails_is_a_warning_and_not_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made: list[Any] = []

    def source(device: Any, **options: Any) -> Any:
        made.append((device, options))
        return SimpleNamespace()

    async def fail(service: Any, source: Any) -> None:
        raise DeviceError("the microphone is gone", "connect it")

    monkeypatch.setattr(microphone_module, "MicrophoneSource", source)
    monkeypatch.setattr(run_module, "serve_microphone", fail)
    said: list[str] = []
    service: Any = SimpleNamespace(settings=ServerSettings(device="Yeti"))
    run(_microphone(service, said.append))
    assert made == [("Yeti", {"reconnect_timeout_s": None})]
    assert said == [
        "warning: the microphone is not served any more: the microphone is gone - connect it"
    ]
