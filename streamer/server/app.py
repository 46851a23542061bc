"""The application: which path is served by what."""

from __future__ import annotations

from collections.abc import Awaitable
from pathlib import Path
from typing import Callable

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp
from starlette.websockets import WebSocket

from streamer.server.access import Access, error_response
from streamer.server.conversation import deny
from streamer.server.protocols import openai_files, openai_realtime, own, readers, vosk
from streamer.server.service import Service

PAGE = Path(__file__).parent / "page"

#: The page needs nothing but itself; nobody may frame it but a page of the same server.
SECURITY_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data:; object-src 'none';"
    " base-uri 'none'; form-action 'none'; frame-ancestors 'self'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "microphone=(self)",
    "Cache-Control": "no-cache",
}


def create_app(service: Service) -> ASGIApp:
    """Return the application of a server."""
    app = Starlette(
        routes=[
            WebSocketRoute("/", vosk.serve_vosk),
            Route("/", _page("index.html")),
            Route("/captions", _page("captions.html")),
            Mount("/page", StaticFiles(directory=PAGE)),
            Route("/health", _health),
            Route("/metrics", _metrics),
            WebSocketRoute("/v1/listen", own.listen),
            Route("/v1/streams", readers.list_streams),
            Route("/v1/streams/{name}/events", readers.read_stream),
            Route("/v1/models", openai_files.list_models),
            Route("/v1/models/{name:path}", openai_files.show_model),
            Route("/v1/audio/transcriptions", openai_files.transcribe_file, methods=["POST"]),
            WebSocketRoute("/v1/realtime", openai_realtime.serve_realtime),
            WebSocketRoute("/{path:path}", _no_websocket),
        ],
        exception_handlers={HTTPException: _http_error, Exception: _failure},
    )
    app.state.service = service
    return Access(app, service)


def _page(name: str) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        return FileResponse(PAGE / name, headers=SECURITY_HEADERS)

    return endpoint


async def _health(request: Request) -> Response:
    service: Service = request.app.state.service
    status = "stopping" if service.draining else "ok"
    content = {"status": status, "model": service.model, "streams": service.pool.n_active}
    return JSONResponse(content, 503 if service.draining else 200)


async def _metrics(request: Request) -> Response:
    service: Service = request.app.state.service
    return Response(service.metrics.page(), media_type="text/plain; version=0.0.4; charset=utf-8")


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    response = error_response(error.status_code, str(error.detail))
    response.headers.update(error.headers or {})
    return response


async def _no_websocket(websocket: WebSocket) -> None:
    await deny(
        websocket, 404, f"there is no WebSocket at {websocket.url.path} - see docs/server.md"
    )


async def _failure(request: Request, error: Exception) -> Response:
    return error_response(500, "the server has failed - see its log", "server_error")
