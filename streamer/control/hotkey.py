"""``--hotkey``: a key of the whole desktop, where a program may listen for one."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import Any, Callable

from streamer.errors import UsageError


class Chord:
    """Some keys pressed together; no clock and no library.

    Args:
        keys: all of them, in any comparable form.
        press: called when the last of them goes down.
        release: called when the first of them goes up again.
    """

    def __init__(
        self, keys: frozenset[Any], press: Callable[[], None], release: Callable[[], None]
    ) -> None:
        self._keys = keys
        self._press = press
        self._release = release
        self._down: set[Any] = set()
        self._active = False

    def key_down(self, key: Any) -> None:
        """Take a key that goes down; one that is held repeats."""
        if key in self._keys:
            self._down.add(key)
            if not self._active and self._down == self._keys:
                self._active = True
                self._press()

    def key_up(self, key: Any) -> None:
        """Take a key that goes up."""
        self._down.discard(key)
        if self._active and key in self._keys:
            self._active = False
            self._release()


class Hotkey:
    """Listens for a chord, in a thread of pynput.

    Args:
        keys: such as ``ctrl+alt+d`` or ``f9``.
        press: called in that thread.
        release: called in that thread.

    Raises:
        UsageError: there is no such key, or no program may listen for keys here.
    """

    def __init__(
        self,
        keys: str,
        press: Callable[[], None],
        release: Callable[[], None] = lambda: None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        keyboard = _load(os.environ if environment is None else environment)
        try:
            found = keyboard.HotKey.parse(chord_for_pynput(keys))
        except ValueError:
            raise UsageError(
                f"--hotkey: there is no key {keys!r}", "give keys such as ctrl+alt+d or f9"
            ) from None
        chord = Chord(frozenset(found), press, release)
        self._listener: Any = keyboard.Listener(
            on_press=lambda key: chord.key_down(self._listener.canonical(key)),
            on_release=lambda key: chord.key_up(self._listener.canonical(key)),
        )

    def start(self) -> None:
        """Start to listen."""
        self._listener.start()
        self._listener.wait()

    def close(self) -> None:
        """Stop to listen; may be called twice."""
        self._listener.stop()


def chord_for_pynput(keys: str) -> str:
    """Return a chord as pynput writes it: ``<ctrl>+<alt>+d``."""
    parts = [part.strip().lower() for part in keys.split("+")]
    return "+".join(f"<{part.strip('<>')}>" if len(part) > 1 else part for part in parts)


def _load(environment: Mapping[str, str]) -> Any:
    """Return pynput's module for the keyboard."""
    if environment.get("WAYLAND_DISPLAY") and sys.platform.startswith("linux"):
        raise UsageError(
            "--hotkey: Wayland lets no program listen for keys",
            "bind a key of the desktop to: streamer toggle",
        )
    try:
        from pynput import keyboard
    except ImportError as error:
        if "pynput" not in str(getattr(error, "name", "")):  # no X server, no permission
            raise UsageError(
                "--hotkey needs a desktop (X11 or macOS)", "bind a key to: streamer toggle"
            ) from error
        raise UsageError(
            "--hotkey needs the library pynput", "install it: pip install pynput"
        ) from error
    return keyboard
