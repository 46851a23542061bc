"""The source for what a user gives: a file name, standard input or samples."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from streamer.arrays import Array
    from streamer.audio.sources.source import Source


def make_source(source: str | Path | Array, realtime: bool, rate_hz: int, channels: int) -> Source:
    """Return the source for a recording; it is not opened yet.

    Args:
        source: a file, ``-`` for standard input, or samples (n,) or
            (n, channels): floats of full scale 1, or 16-bit integers.
        realtime: deliver it at the pace of a microphone.
        rate_hz: sample rate of samples and of raw standard input.
        channels: channels of raw standard input.
    """
    made: Source
    if isinstance(source, str) and source == "-":
        from streamer.audio.sources.standard_input import StandardInputSource

        made = StandardInputSource(rate_hz=rate_hz, channels=channels)
    elif isinstance(source, (str, Path)):
        from streamer.audio.sources.recording import RecordingSource

        made = RecordingSource(source)
    else:
        from streamer.audio.sources.array import ArraySource

        made = ArraySource(source, rate_hz)
    if realtime:
        from streamer.audio.sources.paced import Paced

        made = Paced(made)
    return made
