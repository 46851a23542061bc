"""Load sounddevice and PortAudio, and explain their errors."""

from __future__ import annotations

import contextlib
import sys
from typing import Any

from streamer.errors import DeviceError

#: PortAudio's code for a device that another program uses.
_DEVICE_UNAVAILABLE = -9985

_PRIVACY = {
    "darwin": "allow it in System Settings > Privacy & Security > Microphone",
    "win32": "allow desktop apps in Settings > Privacy & security > Microphone",
}


def load() -> Any:
    """Return the module `sounddevice`.

    Raises:
        DeviceError: it is not installed, or PortAudio is missing or does not start.
    """
    try:
        import sounddevice
    except ImportError as error:
        raise DeviceError(
            f"the microphone needs sounddevice ({error})", "pip install sounddevice"
        ) from None
    except OSError as error:
        raise DeviceError(
            f"the PortAudio library cannot be loaded ({error})", how_to_install(sys.platform)
        ) from None
    except Exception as error:  # sounddevice.PortAudioError: not importable here
        if type(error).__name__ != "PortAudioError":
            raise
        raise DeviceError(f"PortAudio does not start ({error})", _check_sound_system()) from None
    return sounddevice


def how_to_install(platform: str) -> str:
    """Return how to install the PortAudio library.

    Args:
        platform: as `sys.platform` has it.
    """
    if platform.startswith("linux"):
        return (
            "install it: apt install libportaudio2 (Debian, Ubuntu), dnf install portaudio"
            " (Fedora) or pacman -S portaudio (Arch)"
        )
    again = "reinstall it: pip install --force-reinstall sounddevice"
    return f"{again}, or brew install portaudio" if platform == "darwin" else again


def refresh() -> None:
    """Update the list of devices, which PortAudio reads only when it starts.

    Closes every stream of this process; call it when none is open.
    """
    sounddevice = load()
    with contextlib.suppress(sounddevice.PortAudioError):
        sounddevice._terminate()
        sounddevice._initialize()


def explain(error: Exception, device: str | None = None) -> DeviceError:
    """Turn a PortAudioError into a message for users.

    Args:
        error: its arguments are a text, a code, and details of the host.
        device: name of the device.
    """
    name = f'the microphone "{device}"' if device else "the microphone"
    code = error.args[1] if len(error.args) > 1 else None
    text = " ".join(str(error).split())
    if code == _DEVICE_UNAVAILABLE or "busy" in text.lower():
        return DeviceError(
            f"{name} is in use by another program, or missing",
            "close that program, or choose another microphone: streamer devices",
        )
    return DeviceError(f"{name} cannot be opened ({text})", _check_sound_system())


def privacy_hint(platform: str) -> str:
    """Return what to do about a microphone that delivers only zeros.

    Args:
        platform: as `sys.platform` has it.
    """
    where = _PRIVACY.get(platform, "check whether it is muted (alsamixer, pavucontrol)")
    return f"{where}, or choose another one: streamer devices"


def _check_sound_system() -> str:
    hint = _PRIVACY.get(sys.platform)
    check = "check whether other programs can record, or choose another one: streamer devices"
    return f"{hint}; {check}" if hint else check
