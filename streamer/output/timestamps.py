"""Formatting of times in transcripts and subtitles."""

from __future__ import annotations


def format_timestamp(seconds: float, point: str = ".") -> str:
    """Format a time as ``HH:MM:SS.mmm``.

    Args:
        seconds: since the stream began; negative values count as 0.
        point: decimal point: "." in WebVTT, "," in SubRip.
    """
    return format_timestamp_ms(round(max(seconds, 0.0) * 1000), point)


def format_timestamp_ms(milliseconds: int, point: str = ".") -> str:
    """Format a time in whole milliseconds as ``HH:MM:SS.mmm``."""
    seconds, thousandths = divmod(milliseconds, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02d}:{minutes:02d}:{seconds:02d}{point}{thousandths:03d}"
