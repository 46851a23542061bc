"""A hotkey: its chord, and what it says where there is none."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from streamer.control.hotkey import Chord, Hotkey, chord_for_pynput
from streamer.errors import UsageError


def presses(*keys: str) -> list[str]:
    """Return what a chord of ctrl and d does; a key with a minus goes up."""
    done: list[str] = []
    chord = Chord(frozenset({"ctrl", "d"}), lambda: done.append("on"), lambda: done.append("off"))
    for key in keys:
        if key.startswith("-"):
            chord.key_up(key[1:])
        else:
            chord.key_down(key)
    return done


def test_a_chord_begins_with_its_last_key_and_ends_with_the_first_that_goes_up() -> None:
    assert presses("ctrl", "d", "-ctrl", "-d") == ["on", "off"]
    assert presses("d", "ctrl", "-d") == ["on", "off"]


def test_a_key_that_is_held_repeats_without_effect() -> None:
    assert presses("ctrl", "d", "d", "d", "-d", "d") == ["on", "off", "on"]


def test_other_keys_do_nothing() -> None:
    assert presses("ctrl", "x", "-x", "-ctrl", "d") == []


def test_chords_are_written_as_people_write_them() -> None:
    assert chord_for_pynput("ctrl+alt+d") == "<ctrl>+<alt>+d"
    assert chord_for_pynput("F9") == "<f9>" and chord_for_pynput("<cmd>+a") == "<cmd>+a"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Wayland is Linux's")
def test_wayland_lets_no_program_listen() -> None:
    with pytest.raises(UsageError, match=r"Wayland.*streamer toggle"):
        Hotkey("f9", lambda: None, environment={"WAYLAND_DISPLAY": "wayland-0"})


def test_without_pynput_it_says_how(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynput", None)
    with pytest.raises(UsageError, match="pynput"):
        Hotkey("f9", lambda: None, environment={})


#: Says when a chord is pressed and released.
PROGRAM = """
import sys
from streamer.control.hotkey import Hotkey
keys = Hotkey("ctrl+alt+d", lambda: print("on", flush=True), lambda: print("off", flush=True))
keys.start()
print("ready", flush=True)
sys.stdin.read()
keys.close()
"""


def test_a_real_key_is_heard_wherever_the_focus_is(display: None) -> None:
    if importlib.util.find_spec("pynput") is None:
        pytest.skip("pynput is not installed")
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as program:  # fmt: skip
        assert program.stdout is not None
        assert program.stdout.readline() == "ready\n"
        subprocess.run(["xdotool", "key", "d"], check=True)
        subprocess.run(["xdotool", "key", "ctrl+alt+d"], check=True)
        assert [program.stdout.readline() for _ in range(2)] == ["on\n", "off\n"]
        assert program.stdin is not None
        program.stdin.close()


def test_a_pynput_that_finds_no_desktop_says_what_to_bind(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # It raises an ImportError of its own where there is no X server.
    (tmp_path / "pynput.py").write_text(
        "def __getattr__(name): raise ImportError('this platform is not supported', name='Xlib')"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "pynput", raising=False)
    with pytest.raises(UsageError, match=r"needs a desktop .* - bind a key to: streamer toggle"):
        Hotkey("f9", lambda: None, environment={})
