"""``streamer listen``, or just ``streamer``: live transcription of the microphone."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Annotated, Callable, Optional

import typer

from streamer.cli.support.desktop_options import DesktopOptions
from streamer.cli.support.finals_options import FinalsOptions
from streamer.cli.support.option_groups import with_options
from streamer.cli.support.options import EngineOptions, ResultOptions
from streamer.errors import UsageError

if TYPE_CHECKING:
    from streamer.audio.sources.source import Source
    from streamer.events import Event

    Start = Callable[[Callable[[Source], None]], Iterator[Event]]

#: How long to wait for a microphone that goes away if nobody watches, in seconds.
UNWATCHED_RECONNECT_S = 30.0


@with_options
def listen(
    engine: EngineOptions,
    results: ResultOptions,
    second: FinalsOptions,
    desktop: DesktopOptions,
    device: Annotated[
        Optional[str],
        typer.Option(metavar="NAME|NUMBER", help="Microphone to use; see streamer devices."),
    ] = None,
    reconnect_timeout: Annotated[
        Optional[float],
        typer.Option(
            min=0.0,
            metavar="SECONDS",
            help="Wait this long for a microphone that goes away; by default forever with"
            " the live view, else 30 s.",
            show_default=False,
        ),
    ] = None,
    loopback: Annotated[
        bool,
        typer.Option(
            "--loopback",
            help="Transcribe what this computer plays; --device chooses another output by name"
            " (PulseAudio, PipeWire).",
        ),
    ] = False,
    no_reconnect: Annotated[
        bool,
        typer.Option("--no-reconnect", help="End when the microphone goes away."),
    ] = False,
) -> None:
    """Transcribe the microphone until Ctrl-C."""
    from streamer.cli.support.session import LiveSession, choose_routing

    if no_reconnect and reconnect_timeout is not None:
        raise UsageError(
            "--no-reconnect and --reconnect-timeout do not go together", "leave one out"
        )
    routing = choose_routing(results)
    limit_s = reconnect_timeout
    if no_reconnect:
        limit_s = 0.0
    elif limit_s is None and not routing.live:
        limit_s = UNWATCHED_RECONNECT_S
    transcriber = engine.transcriber(
        device=device,
        reconnect_timeout_s=limit_s,
        partials=results.wants_partials(routing.live),
        hints=results.hints(),
        **results.written_form(),
        **second.arguments(),
        **desktop.arguments(),
    )
    remote = desktop.remote_control(transcriber)
    start: Start = transcriber.listen
    if loopback:
        from streamer.audio.loopback import LoopbackSource, find_monitor

        monitor = find_monitor(device)
        source = LoopbackSource(monitor, limit_s, **desktop.microphone_arguments())
        start = partial(transcriber.run, source)
    with transcriber:
        if not routing.live:
            results.output_options().say_without_effect()
        session = LiveSession(transcriber, results, routing, remote=remote)
        session.run(start, "listening:")


def register(app: typer.Typer) -> None:
    """Add ``streamer listen`` to the command line."""
    app.command("listen")(listen)
