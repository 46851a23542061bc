"""``streamer serve``: many streams at once, over HTTP, WebSocket and Wyoming."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import Annotated, Optional

import typer

from streamer.cli.support.messages import say, warn
from streamer.cli.support.option_groups import with_options
from streamer.cli.support.options import EngineOptions, WritingSwitches
from streamer.errors import StreamerError, UsageError
from streamer.server import settings as defaults
from streamer.untrusted.user_files import read_user_text

_NETWORK = "Network"
_LIMITS = "Limits"
_MAX_TOKEN_CHARACTERS = 4096


@with_options
def serve(
    engine: EngineOptions,
    writing: WritingSwitches,
    host: Annotated[
        str,
        typer.Option(
            help="Address to listen on; another than this machine's needs a token.",
            rich_help_panel=_NETWORK,
        ),
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port; 0 for any.", rich_help_panel=_NETWORK)
    ] = defaults.DEFAULT_PORT,
    wyoming: Annotated[
        Optional[str],
        typer.Option(
            metavar="HOST:PORT",
            help="Also serve Home Assistant's Wyoming protocol there (usually 127.0.0.1:10300).",
            rich_help_panel=_NETWORK,
        ),
    ] = None,
    allow_open_wyoming: Annotated[
        bool,
        typer.Option(
            "--allow-open-wyoming",
            help="Let other machines use Wyoming, which knows no token.",
            rich_help_panel=_NETWORK,
        ),
    ] = False,
    token_file: Annotated[
        Optional[Path],
        typer.Option(
            metavar="FILE",
            help="Require the token in this file from clients.",
            rich_help_panel=_NETWORK,
        ),
    ] = None,
    origin: Annotated[
        Optional[list[str]],
        typer.Option(
            metavar="ORIGIN",
            help="Let pages of this web site use the server; may be repeated.",
            rich_help_panel=_NETWORK,
        ),
    ] = None,
    tls_cert: Annotated[
        Optional[Path],
        typer.Option(metavar="FILE", help="TLS certificate (PEM).", rich_help_panel=_NETWORK),
    ] = None,
    tls_key: Annotated[
        Optional[Path],
        typer.Option(metavar="FILE", help="Its private key (PEM).", rich_help_panel=_NETWORK),
    ] = None,
    microphone: Annotated[
        bool,
        typer.Option(
            "--microphone", help="Also transcribe this machine's microphone, for captions."
        ),
    ] = False,
    device: Annotated[
        Optional[str],
        typer.Option(metavar="NAME|NUMBER", help="Which microphone; see streamer devices."),
    ] = None,
    workers: Annotated[
        Optional[int],
        typer.Option(
            min=1,
            metavar="N",
            help="Processes that recognise; one per core by default.",
            show_default=False,
            rich_help_panel=_LIMITS,
        ),
    ] = None,
    max_streams: Annotated[
        int, typer.Option(min=1, metavar="N", help="Streams at once.", rich_help_panel=_LIMITS)
    ] = defaults.MAX_STREAMS,
    max_connections: Annotated[
        int,
        typer.Option(
            min=1, metavar="N", help="Connections at once, with idle ones.", rich_help_panel=_LIMITS
        ),
    ] = defaults.MAX_CONNECTIONS,
    max_upload: Annotated[
        int,
        typer.Option(min=1, metavar="MB", help="Longest recording.", rich_help_panel=_LIMITS),
    ] = defaults.MAX_UPLOAD_BYTES >> 20,
    max_minutes: Annotated[
        float,
        typer.Option(min=0.1, metavar="N", help="Longest stream.", rich_help_panel=_LIMITS),
    ] = defaults.MAX_STREAM_S / 60,
    idle: Annotated[
        float,
        typer.Option(
            min=1.0,
            metavar="SECONDS",
            help="Close connections that send nothing for this long.",
            rich_help_panel=_LIMITS,
        ),
    ] = defaults.IDLE_S,
) -> None:
    """Serve many streams at once: browsers, Vosk, OpenAI and Wyoming clients."""
    _check_installed()
    from streamer import __version__
    from streamer.engine.settings import RecogniserSettings
    from streamer.server.run import check_certificate, warn_of_exposure
    from streamer.server.run import serve as run_server
    from streamer.text.options import writing_options

    if tls_key is not None and tls_cert is None:
        raise UsageError("--tls-key needs --tls-cert", "give both")
    for path in filter(None, (tls_cert, tls_key)):
        if not path.is_file():
            raise UsageError(f"there is no file {path}", "check its name")
    settings = defaults.ServerSettings(
        version=__version__,
        host=host,
        port=port,
        wyoming=None if wyoming is None else _address(wyoming, allow_open_wyoming),
        token=None if token_file is None else _token(token_file),
        origins=tuple(map(_origin, origin or ())),
        certificate=tls_cert,
        key=tls_key,
        workers=workers or os.cpu_count() or 1,
        microphone=microphone or device is not None,
        device=device,
        choice=engine.choice(),
        recogniser=RecogniserSettings(
            endpoints=engine.endpoints(), writing=writing_options(**writing.written_form())
        ),
        limits=defaults.Limits(
            streams=max_streams,
            connections=max_connections,
            upload_bytes=max_upload << 20,
            stream_s=max_minutes * 60,
            idle_s=idle,
        ),
    )
    check_certificate(settings)
    for remark in warn_of_exposure(settings):
        warn(remark)
    run_server(settings, say)


def _check_installed() -> None:
    if sys.version_info < (3, 10):
        raise UsageError("streamer serve needs Python 3.10 or later", "use a newer Python")
    try:
        import prometheus_client  # noqa: F401
        import python_multipart  # noqa: F401
        import starlette  # noqa: F401
        import uvicorn  # noqa: F401
        import websockets  # noqa: F401
        import wyoming  # noqa: F401
    except ImportError as error:
        raise UsageError(
            f"streamer serve needs the package {error.name}", 'pip install "streamer-stt[server]"'
        ) from None


def _origin(text: str) -> str:
    """Return an origin as browsers send it.

    Raises:
        UsageError: it is none.
    """
    text = text.rstrip("/").lower()
    if not re.fullmatch(r"[a-z][a-z0-9+.-]*://[^/?#\s]+", text):
        raise UsageError(f"{text!r} is not an origin", "give one as in https://example.org")
    return text


def _token(path: Path) -> str:
    """Return the token in a file.

    Raises:
        StreamerError: the file cannot be read, or its token is too short.
    """
    try:
        token = read_user_text(path, _MAX_TOKEN_CHARACTERS).strip()
    except OSError as error:
        raise StreamerError(f"{path} cannot be read: {error.strerror}", "check the file") from None
    if len(token) < defaults.MIN_TOKEN:
        raise UsageError(
            f"the token in {path} is shorter than {defaults.MIN_TOKEN} characters",
            f"make one: openssl rand -hex 16 > {path}",
        )
    return token


def _address(text: str, allow_open: bool) -> tuple[str, int]:
    """Return host and port of Wyoming.

    Raises:
        UsageError: they are not valid, or other machines could use it.
    """
    from streamer.server.access import is_loopback

    host, colon, port = text.rpartition(":")
    if not colon or not host or not port.isdigit() or int(port) > 65535:
        raise UsageError(f"{text!r} is not an address", "give HOST:PORT, as in 127.0.0.1:10300")
    if not is_loopback(host) and not allow_open:
        raise UsageError(
            f"Wyoming has no token, and other machines can reach {host}",
            "use 127.0.0.1, or add --allow-open-wyoming",
        )
    return host.strip("[]"), int(port)


def register(app: typer.Typer) -> None:
    """Add ``streamer serve`` to the command line."""
    app.command("serve")(serve)
