"""``streamer start``, ``stop``, ``toggle`` and ``status``: control of the running instance."""

from __future__ import annotations

import json
import sys
from enum import Enum
from typing import Annotated, Any, Optional

import typer

from streamer.cli.support.messages import echo
from streamer.cli.support.option_groups import with_options
from streamer.errors import OutputError, StreamerError


class StatusFormat(str, Enum):
    """Values of ``--format``."""

    TEXT = "text"
    JSON = "json"


def start() -> None:
    """Open the microphone of the running streamer."""
    _send("start")


def stop() -> None:
    """Close the microphone of the running streamer, after the last word."""
    _send("stop")


def toggle() -> None:
    """Open or close the microphone of the running streamer."""
    _send("toggle")


@with_options
def status(
    follow: Annotated[
        bool, typer.Option("--follow", help="Print a line at every change, without end.")
    ] = False,
    format: Annotated[
        StatusFormat, typer.Option(help="Output format; json suits waybar, polybar and SwiftBar.")
    ] = StatusFormat.TEXT,
) -> None:
    """Print what the running streamer does."""
    from streamer.control import client
    from streamer.control.status import Status

    show = _show_json if format is StatusFormat.JSON else _show_text
    off = Status().as_json()
    if follow:
        if sys.stdout is None:
            raise OutputError("standard output is closed", "send it to a file or a pipe")
        for values in client.follow(sleep=client.sleep_while_read):
            show(off if values is None else values)
        return
    try:
        show(client.send("status"))
    except StreamerError:
        show(off)
        raise typer.Exit(1) from None


def _send(command: str) -> None:
    from streamer.control import client

    client.send(command)


def _show_json(values: dict[str, Any]) -> None:
    echo(json.dumps(values))


def _show_text(values: dict[str, Any]) -> None:
    device: Optional[str] = values.get("device")
    parts = [values["state"], device, values.get("partial") or values.get("final")]
    echo("  ".join(part for part in parts if part))


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command("start")(start)
    app.command("stop")(stop)
    app.command("toggle")(toggle)
    app.command("status")(status)
