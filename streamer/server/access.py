"""Who may use the server: the token, web sites' pages, the number of connections."""

from __future__ import annotations

import hmac
import ipaddress
from urllib.parse import SplitResult, parse_qs, urlsplit

from starlette.datastructures import Headers
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from streamer.server.service import Service

#: What may be read without the token: the page itself asks for it.
PUBLIC = ("/health", "/", "/captions")
PUBLIC_FOLDER = "/page/"
#: How browsers, which cannot set headers on a WebSocket, send OpenAI's key.
KEY_PROTOCOL = "openai-insecure-api-key."


def is_loopback(host: str) -> bool:
    """Return whether an address can only be reached from this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]").partition("%")[0]).is_loopback
    except ValueError:
        return False


class Access:
    """Refuses requests before any protocol sees them.

    The ``Host`` header must name this machine while the server listens on loopback without a
    token: otherwise any web site could reach it under a name of its own (DNS rebinding).

    Args:
        app: handles what is allowed.
        service: the server.
    """

    def __init__(self, app: ASGIApp, service: Service) -> None:
        self._app = app
        self._service = service
        self._connections = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a connection."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        refusal = self._refusal(scope)
        if refusal is not None:
            self._service.metrics.refused.labels(str(refusal.status_code)).inc()
            await refuse(refusal, scope, receive, send)
            return
        self._connections += 1
        self._service.metrics.connections.inc()
        try:
            await self._app(scope, receive, send)
        finally:
            self._connections -= 1
            self._service.metrics.connections.dec()

    def _refusal(self, scope: Scope) -> Response | None:
        settings = self._service.settings
        headers = Headers(scope=scope)
        path = scope["path"]
        if self._service.draining and path != "/health":
            return error_response(503, "the server is stopping - connect again later")
        if self._connections >= settings.limits.connections:
            return error_response(503, "there are too many connections - try again later")
        host = headers.get("host", "")
        if settings.token is None and not _is_own(host, settings.host):
            return error_response(403, f"this server is not {host} - use the address it listens on")
        origin = headers.get("origin")
        if origin is not None and not self._is_allowed(origin, host):
            return error_response(403, f"pages of {origin} may not use this server - see --origin")
        page = path in PUBLIC or path.startswith(PUBLIC_FOLDER)
        if settings.token is None or (page and scope["type"] == "http"):
            return None
        given = token_of(scope)
        if given is not None and hmac.compare_digest(given.encode(), settings.token.encode()):
            return None
        response = error_response(401, "a token is needed - send it as Authorization: Bearer TOKEN")
        response.headers["WWW-Authenticate"] = "Bearer"
        return response

    def _is_allowed(self, origin: str, host: str) -> bool:
        site = _split(origin).netloc
        return origin in self._service.settings.origins or (site != "" and site == host)


def token_of(scope: Scope) -> str | None:
    """Return the token that a request shows: as a header, in its query, or as a subprotocol."""
    headers = Headers(scope=scope)
    given: str
    scheme, _, given = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and given:
        return given.strip()
    query: dict[str, list[str]] = parse_qs(scope["query_string"].decode("latin-1"))
    if query.get("token"):
        return query["token"][0]
    for protocol in headers.get("sec-websocket-protocol", "").split(","):
        if protocol.strip().startswith(KEY_PROTOCOL):
            return protocol.strip()[len(KEY_PROTOCOL) :]
    return None


def error_response(status: int, message: str, kind: str = "invalid_request_error") -> Response:
    """Return an error in OpenAI's shape, which other clients can read too."""
    content = {"error": {"message": message, "type": kind, "param": None, "code": None}}
    response = JSONResponse(content, status)
    if status == 503:
        response.headers["Retry-After"] = "5"
    return response


async def refuse(response: Response, scope: Scope, receive: Receive, send: Send) -> None:
    """Send a response instead of an answer, to a WebSocket too."""
    if scope["type"] == "websocket" and "websocket.http.response" not in scope["extensions"]:
        await send({"type": "websocket.close", "code": 1008})
        return
    await response(scope, receive, send)


def _is_own(host: str, listens_on: str) -> bool:
    name = _split(f"//{host}").hostname or ""
    return is_loopback(name) or name == listens_on.strip("[]")


def _split(address: str) -> SplitResult:
    """Return the parts of an address; all are empty if it is not valid."""
    try:
        return urlsplit(address)
    except ValueError:
        return SplitResult("", "", "", "", "")
