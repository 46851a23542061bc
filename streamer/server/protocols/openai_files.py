"""OpenAI's transcription of files: ``POST /v1/audio/transcriptions``, and its list of models."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import math
import shutil
import zlib
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from starlette.datastructures import FormData, UploadFile
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse

from streamer.errors import StreamerError, UsageError
from streamer.events import Event, Final, Stats, written_text
from streamer.output.writers import create_writer
from streamer.server.access import error_response
from streamer.server.protocols.uploads import (
    limited,
    recognise,
    temporary_folder,
    unless_gone,
)
from streamer.server.service import NAMES, Service
from streamer.server.workers.stream import BusyError

PROTOCOL = "openai"
FORMATS = ("json", "text", "srt", "verbose_json", "vtt")
GRANULARITIES = ("word", "segment")
#: Form fields, more than OpenAI has.
_MAX_FIELDS = 40
#: How long the other fields may be; prompts are short. In bytes.
_MAX_FIELD_BYTES = 64 << 10
#: Smallest confidence, so that its logarithm is finite.
_LEAST = 1e-6


class _Wanted(NamedTuple):
    file: UploadFile
    format: str
    granularities: Sequence[str]
    streaming: bool


async def list_models(request: Request) -> Response:
    """Return the only model."""
    service: Service = request.app.state.service
    return JSONResponse({"object": "list", "data": [_model(service.model)]})


async def show_model(request: Request) -> Response:
    """Return a model; clients look one up by the name they will send, so any name is ours."""
    return JSONResponse(_model(request.path_params["name"]))


def _model(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": 0, "owned_by": "streamer"}


async def transcribe_file(request: Request) -> Response:
    """Transcribe an uploaded recording."""
    service: Service = request.app.state.service
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(service.upload())
            folder = Path(stack.enter_context(temporary_folder()))
            wanted, path = await _receive(request, service, folder)
            events = recognise(service, PROTOCOL, path, partials=False)
            if not wanted.streaming:
                return _whole(await unless_gone(request, _all(events)), wanted, service)
            # The first event, so that a file that cannot be read has a proper status.
            first = await unless_gone(request, _next(events))
            lines = _stream(_with_first(first, events), stack.pop_all())
            return StreamingResponse(lines, media_type="text/event-stream")
        except ClientDisconnect:
            return error_response(400, "the client has gone")  # nobody reads it
        except BusyError as error:
            return error_response(503, str(error), "server_error")
        except StreamerError as error:
            return error_response(400, str(error))
        except OSError as error:
            reason = error.strerror or error
            return error_response(507, f"the recording cannot be kept ({reason})", "server_error")


async def _receive(request: Request, service: Service, folder: Path) -> tuple[_Wanted, Path]:
    """Read a request; returns what is wanted, and the recording in the folder."""
    limits = service.settings.limits
    async with limited(request, limits.upload_bytes, limits.idle_s).form(
        max_files=1, max_fields=_MAX_FIELDS, max_part_size=_MAX_FIELD_BYTES
    ) as form:
        wanted = _wanted(form, service)
        return wanted, await _save(wanted.file, folder)


def _wanted(form: FormData, service: Service) -> _Wanted:
    """Return what a client asks for.

    Raises:
        UsageError: it is not possible.
    """
    file = form.get("file")
    if not isinstance(file, UploadFile):
        raise UsageError("there is no file", "send the recording as the field file")
    format = _text(form, "response_format", "json")
    if format not in FORMATS:
        raise UsageError(
            f"there is no response_format {format!r}", f"use one of {', '.join(FORMATS)}"
        )
    language = _text(form, "language", "")
    if not service.speaks(language):
        raise UsageError(
            f"the model does not know the language {language!r}", f"send {service.language}"
        )
    given = [*form.getlist("timestamp_granularities[]"), *form.getlist("timestamp_granularities")]
    granularities = [str(each) for each in given] or ["segment"]
    if not set(granularities) <= set(GRANULARITIES):
        raise UsageError("timestamp_granularities are not valid", "use word and segment")
    streaming = _text(form, "stream", "false").lower() in ("true", "1")
    return _Wanted(file, format, granularities, streaming)


def _text(form: FormData, name: str, default: str) -> str:
    value = form.get(name, default)
    if not isinstance(value, str):
        raise UsageError(f"{name} is a file", "send text")
    return value


async def _save(file: UploadFile, folder: Path) -> Path:
    """Write an upload to a file of the same kind; its name is the client's and not trusted."""
    suffix = Path(file.filename or "").suffix.lower()
    kind = suffix if suffix.isascii() and suffix[1:].isalnum() and len(suffix) <= 6 else ""
    path = folder / f"recording{kind}"
    with path.open("wb") as target:
        await asyncio.to_thread(shutil.copyfileobj, file.file, target, 1 << 20)
    return path


async def _all(events: AsyncIterator[Event]) -> list[Event]:
    return [event async for event in events]


async def _next(events: AsyncIterator[Event]) -> Event | None:
    async for event in events:
        return event
    return None


async def _with_first(first: Event | None, rest: AsyncIterator[Event]) -> AsyncIterator[Event]:
    """Yield an event that has been taken already, and then the rest."""
    if first is not None:
        yield first
    async for event in rest:
        yield event


async def _stream(events: AsyncIterator[Event], upload: contextlib.ExitStack) -> AsyncIterator[str]:
    """Yield OpenAI's server-sent events: they have no ``event:`` line.

    Args:
        events: of the recording.
        upload: closed at the end.
    """
    parts: list[str] = []
    seconds = 0.0
    try:
        try:
            async for event in events:
                parts.append(written_text([event]))
                seconds = max(seconds, _end(event))
                if parts[-1]:
                    yield _line({"type": "transcript.text.delta", "delta": parts[-1]})
        except StreamerError as error:
            content = {"message": str(error), "type": "server_error", "code": None, "param": None}
            yield _line({"error": content})
            return
        usage = {"type": "duration", "seconds": math.ceil(seconds)}
        yield _line({"type": "transcript.text.done", "text": "".join(parts), "usage": usage})
    finally:
        upload.close()


def _line(content: Mapping[str, Any]) -> str:
    return f"data: {json.dumps(content)}\n\n"


def _end(event: Event) -> float:
    return event.time if isinstance(event, Stats) else 0.0


def _whole(events: Sequence[Event], wanted: _Wanted, service: Service) -> Response:
    text = written_text(events)
    if wanted.format == "text":
        return PlainTextResponse(text + "\n")
    if wanted.format in ("srt", "vtt"):
        stream = io.StringIO()
        writer = create_writer(wanted.format, stream)
        for event in events:
            writer.write(event)
        writer.close()
        return PlainTextResponse(stream.getvalue())
    seconds = max((_end(event) for event in events), default=0.0)
    usage = {"type": "duration", "seconds": math.ceil(seconds)}
    if wanted.format == "json":
        return JSONResponse({"text": text, "usage": usage})
    finals = [event for event in events if isinstance(event, Final)]
    content: dict[str, Any] = {
        "task": "transcribe",
        "language": _language_name(service.language),
        "duration": round(seconds, 3),
        "text": text,
        "usage": usage,
    }
    if "segment" in wanted.granularities:
        content["segments"] = [_segment(number, final) for number, final in enumerate(finals)]
    if "word" in wanted.granularities:
        content["words"] = [
            {"word": word.word, "start": round(word.start, 3), "end": round(word.end, 3)}
            for final in finals
            for word in final.words
        ]
    return JSONResponse(content)


def _segment(number: int, final: Final) -> dict[str, Any]:
    logs = [math.log(max(word.confidence, _LEAST)) for word in final.words]
    data = final.display.encode()
    return {
        "id": number,
        "seek": 0,
        "start": round(final.start, 3),
        "end": round(final.end, 3),
        "text": final.display,
        "tokens": [],
        "temperature": 0.0,
        "avg_logprob": sum(logs) / len(logs) if logs else 0.0,
        "compression_ratio": len(data) / len(zlib.compress(data)),
        "no_speech_prob": 0.0,
    }


def _language_name(code: str) -> str:
    names = {short: name for name, short in NAMES.items()}
    return names.get(code.partition("-")[0], code)
