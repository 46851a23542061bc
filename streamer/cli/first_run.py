"""What ``make run`` does: listen or, where there is no microphone, play the sample."""

from __future__ import annotations

import sys

from streamer.errors import DeviceError


def main() -> None:
    """Listen to the default microphone; without one say so and transcribe the sample."""
    from streamer.audio.devices import input_devices
    from streamer.cli.app import main as streamer

    try:
        devices = input_devices()
        reason = "" if devices else "no microphone found"
    except DeviceError as error:
        reason = str(error)
    if reason:
        print(f"{reason}; here is the bundled sample instead:", file=sys.stderr)
        sys.argv[1:] = ["demo"]
    streamer()


if __name__ == "__main__":
    main()
