"""Server-sent events for readers of a named stream: captions on another screen.

GET /v1/streams                 the names
GET /v1/streams/NAME/events     its events from now on; ``event:`` is their type
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from streamer.output.jsonl import as_json
from streamer.server.access import error_response
from streamer.server.hub import Broadcast
from streamer.server.service import Service

#: Proxies close connections on which nothing comes; a comment comes this often, in seconds.
KEEP_ALIVE_S = 15.0


async def list_streams(request: Request) -> Response:
    """Return the names of the streams that can be read."""
    service: Service = request.app.state.service
    return JSONResponse({"streams": service.hub.names})


async def read_stream(request: Request) -> Response:
    """Send the events of a stream."""
    service: Service = request.app.state.service
    name = request.path_params["name"]
    broadcast = service.hub.find(name)
    if broadcast is None:
        return error_response(404, f"there is no stream {name} - see /v1/streams")
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    if request.method == "HEAD":  # only the answer to GET goes on until the stream ends
        return Response(headers=headers, media_type="text/event-stream")
    return StreamingResponse(_lines(broadcast), media_type="text/event-stream", headers=headers)


async def _lines(broadcast: Broadcast) -> AsyncIterator[str]:
    yield ": reading\n\n"
    async for event in broadcast.read(KEEP_ALIVE_S):
        if event is None:
            yield ": nothing yet\n\n"
        else:
            content = as_json(event)
            yield f"event: {content['type']}\nid: {event.seq}\ndata: {json.dumps(content)}\n\n"
    yield "event: end\ndata: {}\n\n"
