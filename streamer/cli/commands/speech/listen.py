"""``streamer listen``, or just ``streamer``: live transcription of the microphone."""

from __future__ import annotations

from typing import Annotated, Optional

import typer

from streamer.cli.support.options import EngineOptions, ResultOptions, with_options


@with_options
def listen(
    engine: EngineOptions,
    results: ResultOptions,
    device: Annotated[
        Optional[str],
        typer.Option(metavar="NAME|NUMBER", help="Microphone to use; see streamer devices."),
    ] = None,
) -> None:
    """Transcribe the microphone until Ctrl-C."""
    from streamer.cli.support.session import LiveSession
    from streamer.terminal.routing import route_streams

    routing = route_streams(results.stream_format, results.stdout)
    transcriber = engine.transcriber(
        device=device, partials=results.wants_partials(routing.live), hints=results.hints()
    )
    with transcriber:
        LiveSession(transcriber, results, routing).run(transcriber.listen, "listening:")


def register(app: typer.Typer) -> None:
    """Add ``streamer listen`` to the command line."""
    app.command("listen")(listen)
