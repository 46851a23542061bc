"""Secure input on macOS: while a password is typed, no other program's keys arrive."""

from __future__ import annotations

import ctypes
import sys
from typing import Any, Callable

_CARBON = "/System/Library/Frameworks/Carbon.framework/Carbon"


def has_secure_input(
    platform: str = sys.platform, load: Callable[[str], Any] = ctypes.CDLL
) -> bool:
    """Return whether keys would be swallowed now; false where nobody tells."""
    if platform != "darwin":
        return False
    try:
        return bool(load(_CARBON).IsSecureEventInputEnabled())
    except (OSError, AttributeError):
        return False
