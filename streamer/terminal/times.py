"""Times for display."""

from __future__ import annotations


def format_time(seconds: float) -> str:
    """Format a time as ``M:SS`` or ``H:MM:SS``."""
    minutes, second = divmod(int(max(seconds, 0.0)), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02d}:{second:02d}" if hours else f"{minute}:{second:02d}"
