"""``make run``: listen, or transcribe the bundled sample if there is no microphone."""

from __future__ import annotations

import sys

from streamer.errors import DeviceError


def main() -> None:
    """Transcribe the default microphone; without one, say why and transcribe the sample."""
    from streamer.audio.devices import input_devices
    from streamer.cli.app import main as streamer

    try:
        reason = "" if input_devices() else "no microphone found"
    except DeviceError as error:
        reason = str(error)
    if reason:
        print(f"{reason}; transcribing the bundled sample instead:", file=sys.stderr)
        sys.argv[1:] = ["demo"]
    streamer()


if __name__ == "__main__":
    main()
