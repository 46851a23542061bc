"""``streamer devices``: the available microphones."""

from __future__ import annotations

import typer

from streamer.cli.support.messages import echo


def devices() -> None:
    """List microphones with number, name, channels and rate; * marks the default."""
    from streamer.audio.devices import list_devices
    from streamer.audio.native_stderr import native_messages_hidden

    with native_messages_hidden():
        found = list_devices()
        for device in found:
            mark = "*" if device.default else " "
            channels = "1 channel" if device.channels == 1 else f"{device.channels} channels"
            note = "" if device.takes_model_rate else ", resampled"
            echo(
                f"{mark} {device.number:3d}  {device.name}"
                f"  ({device.host}, {channels}, {device.rate_hz:g} Hz{note})"
            )
        if not found:
            from streamer.audio.devices import find_device

            find_device(found, None)  # raises an error that says what to do


def register(app: typer.Typer) -> None:
    """Add ``streamer devices`` to the command line."""
    app.command("devices")(devices)
