"""Who is let in, as ASGI sees it; readers of a named stream, and slow ones."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from types import SimpleNamespace
from typing import Any

import pytest

from tests.server.running import PACKAGES

for package in PACKAGES:
    pytest.importorskip(package)

from starlette.responses import Response  # noqa: E402
from starlette.websockets import WebSocketState  # noqa: E402

from streamer.errors import UsageError  # noqa: E402
from streamer.events import Notice  # noqa: E402
from streamer.server import conversation, hub  # noqa: E402
from streamer.server.access import Access, refuse, token_of  # noqa: E402
from streamer.server.hub import Broadcast, Hub, NameTakenError  # noqa: E402
from streamer.server.protocols import readers  # noqa: E402
from streamer.server.settings import ServerSettings  # noqa: E402

EVENT = Notice(0, 1.0, "soft", "come closer")


def run(work: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(asyncio.wait_for(work, 30))


def scope(kind: str = "http", path: str = "/metrics", query: bytes = b"", **headers: str) -> Any:
    named = [(name.replace("_", "-").encode(), text.encode()) for name, text in headers.items()]
    return {
        "type": kind, "path": path, "query_string": query, "extensions": {},
        "headers": [(b"host", b"127.0.0.1"), *named],
    }  # fmt: skip


class Counter:
    """Every metric at once."""

    def __init__(self) -> None:
        self.refused = self.connections = self
        self.told: list[str] = []

    def labels(self, text: str) -> Counter:
        self.told.append(text)
        return self

    def inc(self) -> None: ...

    def dec(self) -> None: ...


def answers(asked: Any, draining: bool = False, **settings: Any) -> list[Any]:
    """Return what is sent to a client, and what the program behind got."""
    sent: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        sent.append("let in")

    async def send(message: Any) -> None:
        sent.append(message)

    service: Any = SimpleNamespace(
        settings=ServerSettings(**settings), metrics=Counter(), draining=draining
    )
    run(Access(app, service)(asked, None, send))  # type: ignore[arg-type]
    return sent


def test_what_is_no_connection_passes() -> None:
    assert answers({"type": "lifespan"}, token="secret") == ["let in"]


def test_while_it_stops_only_its_health_may_be_asked_for() -> None:
    assert answers(scope(), draining=True)[0]["status"] == 503
    assert answers(scope(path="/health"), draining=True) == ["let in"]


def test_a_websocket_of_an_old_server_is_closed_without_an_answer() -> None:
    assert answers(scope("websocket"), token="secret") == [
        {"type": "websocket.close", "code": 1008}
    ]


@pytest.mark.parametrize(
    ("asked", "token"),
    [
        (scope(authorization="Bearer secret"), "secret"),
        (scope(authorization="bearer  secret "), "secret"),
        (scope(authorization="Basic secret"), None),
        (scope(query=b"token=a%20b&token=c"), "a b"),
        (scope(sec_websocket_protocol="realtime, openai-insecure-api-key.k1, v1"), "k1"),
        (scope(sec_websocket_protocol="realtime"), None),
        (scope(), None),
    ],
)
def test_a_token_is_found_wherever_clients_put_it(asked: Any, token: str | None) -> None:
    assert token_of(asked) == token


def test_a_refusal_is_an_answer_where_it_can_be() -> None:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message["type"])

    able = {**scope("websocket"), "extensions": {"websocket.http.response": {}}}
    run(refuse(Response("no", 403), able, None, send))  # type: ignore[arg-type]
    assert sent[0] == "websocket.http.response.start"


class WebSocket:
    def __init__(self, state: WebSocketState, *extensions: str) -> None:
        self.application_state = state
        self.scope = {"extensions": {name: {} for name in extensions}}
        self.calls: list[Any] = []

    async def close(self, *arguments: Any) -> None:
        self.calls.append(arguments)

    async def send_denial_response(self, response: Response) -> None:
        self.calls.append(response.status_code)


def test_a_websocket_is_closed_once() -> None:
    for state, calls in (
        (WebSocketState.CONNECTED, [(1008, "no words")]),
        (WebSocketState.DISCONNECTED, []),
    ):
        websocket: Any = WebSocket(state)
        run(conversation.close(websocket, 1008, "no words"))
        assert websocket.calls == calls


def test_a_websocket_that_was_not_accepted_is_refused_with_a_status_where_it_can_be() -> None:
    able: Any = WebSocket(WebSocketState.CONNECTING, "websocket.http.response")
    unable: Any = WebSocket(WebSocketState.CONNECTING)
    for websocket in (able, unable):
        run(conversation.deny(websocket, 404, "there is no such stream"))
    assert able.calls == [404] and unable.calls == [(conversation.POLICY,)]


def test_a_name_is_taken_until_its_stream_ends() -> None:
    streams = Hub()
    with streams.publish("talk"):
        assert streams.names == ["talk"]
        with pytest.raises(NameTakenError), streams.publish("talk"):
            pass
    with streams.publish("talk"), pytest.raises(UsageError), streams.publish("../talk"):
        pass
    assert streams.names == [] and streams.find("talk") is None


def test_a_reader_that_is_too_slow_is_let_go_and_the_others_read_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(hub, "MAX_WAITING_EVENTS", 2)

    async def work() -> None:
        broadcast = Broadcast()
        slow, quick = broadcast.read(60.0), broadcast.read(60.0)
        broadcast_to = [asyncio.ensure_future(reader.__anext__()) for reader in (slow, quick)]
        await asyncio.sleep(0)
        broadcast.send(EVENT)
        assert await asyncio.gather(*broadcast_to) == [EVENT, EVENT]
        for _ in range(3):
            broadcast.send(EVENT)
            assert await quick.__anext__() == EVENT
        assert [event async for event in slow] == [EVENT, EVENT]
        broadcast.end()
        assert [event async for event in quick] == []

    run(work())


def test_a_reader_hears_something_while_nothing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readers, "KEEP_ALIVE_S", 0.0)

    async def work() -> None:
        broadcast = Broadcast()
        lines = readers._lines(broadcast)
        assert [await lines.__anext__() for _ in range(2)] == [": reading\n\n", ": nothing yet\n\n"]
        broadcast.send(EVENT)
        line = ": nothing yet\n\n"
        while line == ": nothing yet\n\n":
            line = await lines.__anext__()
        assert line.startswith("event: warning\n") and "come closer" in line
        broadcast.end()
        assert [line async for line in lines][-1] == "event: end\ndata: {}\n\n"

    run(work())


def test_a_head_request_does_not_read_the_stream() -> None:
    streams = Hub()
    service = SimpleNamespace(hub=streams)

    def asked(method: str, name: str) -> Any:
        request: Any = SimpleNamespace(
            method=method, path_params={"name": name},
            app=SimpleNamespace(state=SimpleNamespace(service=service)),
        )  # fmt: skip
        return run(readers.read_stream(request))

    with streams.publish("talk"):
        head = asked("HEAD", "talk")
        assert head.status_code == 200 and head.body == b""
        assert head.headers["content-type"].startswith("text/event-stream")
        assert not hasattr(asked("GET", "talk"), "body")
    assert asked("GET", "talk").status_code == 404
