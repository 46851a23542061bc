"""Runs a server until a signal: the first drains it, the second ends it at once."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import ssl
from collections.abc import Iterator
from typing import Callable

import uvicorn

from streamer.errors import StreamerError, UsageError
from streamer.server.access import is_loopback
from streamer.server.app import create_app
from streamer.server.connections import FLUSH_S, WebSocketProtocol, http_protocol
from streamer.server.microphone import serve_microphone
from streamer.server.protocols.wyoming import WyomingServer
from streamer.server.service import Service
from streamer.server.settings import ServerSettings
from streamer.server.workers.stream import BusyError

#: How often a draining server looks whether its streams have ended, in seconds.
_POLL_S = 0.05
#: How often WebSockets are pinged, in seconds, so that nobody on the way takes them for dead. There
#: is no limit for the answer: it comes after all audio that was sent before it, which is read as
#: fast as it is recognised. Who is gone is found by the limit of `--idle`.
_PING_S = 20.0
#: Connections that wait to be accepted.
_BACKLOG = 256


class _Server(uvicorn.Server):
    """Uvicorn without its signal handlers: streams are to end before connections are closed."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals alone."""
        yield


def serve(settings: ServerSettings, say: Callable[[str], None]) -> None:
    """Serve until a signal.

    Args:
        settings: of the server.
        say: gets a line for each address that it listens on.

    Raises:
        StreamerError: the model cannot be loaded, or an address cannot be used.
    """
    asyncio.run(_serve(settings, say))


async def _serve(settings: ServerSettings, say: Callable[[str], None]) -> None:
    listening = _listen(settings.host, settings.port)
    service = Service(settings)
    wyoming = WyomingServer(service)
    microphone: asyncio.Task[None] | None = None
    try:
        await service.pool.start()
        server = _Server(config_of(settings, service))
        logging.getLogger("uvicorn.error").addFilter(_is_worth_a_line)
        # It would write a line for every upload that is cut off or not well formed.
        logging.getLogger("python_multipart").setLevel(logging.CRITICAL)
        stopping = asyncio.Event()
        _on_signals(stopping)
        if settings.wyoming is not None:
            try:
                port = await wyoming.start(*settings.wyoming)
            except OSError as error:
                raise _cannot_listen(*settings.wyoming, error) from None
            say(f"listening: tcp://{_name(settings.wyoming[0])}:{port} (Wyoming)")
        if settings.microphone:
            microphone = asyncio.ensure_future(_microphone(service, say))
        scheme = "https" if settings.certificate else "http"
        port = listening.getsockname()[1]
        say(f"listening: {scheme}://{_name(settings.host)}:{port}/")
        serving = asyncio.ensure_future(server.serve(sockets=[listening]))
        stop = asyncio.ensure_future(stopping.wait())
        await asyncio.wait({serving, stop}, return_when=asyncio.FIRST_COMPLETED)
        stop.cancel()
        await _drain(service, say)
        server.should_exit = True
        await serving
    finally:
        if microphone is not None:
            microphone.cancel()
            await asyncio.gather(microphone, return_exceptions=True)
        await wyoming.close()
        await service.pool.close()
        listening.close()


def _is_worth_a_line(record: logging.LogRecord) -> bool:
    """Leave out what uvicorn says of every WebSocket that was refused with a status."""
    return "without completing handshake" not in record.getMessage()


def config_of(settings: ServerSettings, service: Service) -> uvicorn.Config:
    """Return the settings of HTTP and WebSockets."""
    return uvicorn.Config(
        create_app(service),
        http=http_protocol(settings.limits.connections),
        ws=WebSocketProtocol,
        ws_max_size=settings.limits.message_bytes,
        ws_ping_interval=_PING_S,
        ws_ping_timeout=None,
        ws_per_message_deflate=False,
        lifespan="off",
        log_level="error",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=round(FLUSH_S),
        ssl_certfile=settings.certificate,
        ssl_keyfile=settings.key,
    )


def _listen(host: str, port: int) -> socket.socket:
    """Return a listening socket, before the model is loaded: a taken port is known at once."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        if os.name != "nt":
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host.strip("[]"), port))
        listening.listen(_BACKLOG)
    except OSError as error:
        listening.close()
        raise _cannot_listen(host, port, error) from None
    return listening


def _cannot_listen(host: str, port: int, error: OSError) -> StreamerError:
    reason = os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)
    return UsageError(
        f"cannot listen on {_name(host)}:{port}: {reason}", "choose another address or port"
    )


def _name(host: str) -> str:
    return f"[{host}]" if ":" in host and not host.startswith("[") else host


def _on_signals(stopping: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()

    def stop(number: int) -> None:
        if stopping.is_set():
            os._exit(128 + number)
        stopping.set()

    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is None or signal.getsignal(number) is signal.SIG_IGN:
            continue
        try:
            loop.add_signal_handler(number, stop, number)
        except NotImplementedError:  # Windows
            signal.signal(number, lambda n, _: loop.call_soon_threadsafe(stop, n))


async def _drain(service: Service, say: Callable[[str], None]) -> None:
    """End the streams, and wait until their last events have been sent."""
    service.drain()
    clock = asyncio.get_running_loop().time
    end = clock() + service.settings.limits.drain_s
    while service.pool.streams and clock() < end:
        await asyncio.sleep(_POLL_S)
    if service.pool.streams:
        say(f"{len(service.pool.streams)} streams did not end in time")
    for stream in service.pool.streams:
        stream.abandon(BusyError("the server is stopping", "try again later"))


async def _microphone(service: Service, say: Callable[[str], None]) -> None:
    from streamer.audio.sources.microphone import MicrophoneSource

    source = MicrophoneSource(service.settings.device, reconnect_timeout_s=None)
    try:
        await serve_microphone(service, source)
    except StreamerError as error:
        say(f"warning: the microphone is not served any more: {error}")


def check_certificate(settings: ServerSettings) -> None:
    """Load the certificate once, before anything listens.

    Raises:
        UsageError: it or its key cannot be used, or a password would be asked for.
    """
    if settings.certificate is None:
        return
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(settings.certificate, settings.key, password=lambda: "")
    except (OSError, ValueError) as error:  # SSLError is one
        reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or error
        raise UsageError(
            f"the certificate {settings.certificate} cannot be used ({reason})",
            "give a certificate and its own key, both in PEM, the key without a password",
        ) from None


def warn_of_exposure(settings: ServerSettings) -> list[str]:
    """Return what a user should know about who can reach the server.

    Raises:
        UsageError: anybody in the network could use it.
    """
    remarks = []
    if not is_loopback(settings.host):
        if settings.token is None:
            raise UsageError(
                f"other machines can reach {settings.host}, and there is no token",
                "give --token-file FILE, or leave --host out",
            )
        if settings.certificate is None:
            remarks.append(
                "audio and token are sent in the clear, and browsers on other machines refuse"
                " their microphone - give --tls-cert and --tls-key"
            )
    return remarks
