"""The one place where sounddevice, and with it the PortAudio library, is loaded."""

from __future__ import annotations

import contextlib
import sys
from typing import Any

from streamer.errors import DeviceError

#: PortAudio's code for a device that another program holds.
_DEVICE_UNAVAILABLE = -9985

_PRIVACY = {
    "darwin": "allow it in System Settings > Privacy & Security > Microphone",
    "win32": "allow desktop apps in Settings > Privacy & security > Microphone",
}


def load() -> Any:
    """The module sounddevice.

    Raises:
        DeviceError: there is no PortAudio library, or it does not start.
    """
    try:
        import sounddevice
    except OSError as error:
        raise DeviceError(
            f"the PortAudio library cannot be loaded ({error})", how_to_install(sys.platform)
        ) from None
    except Exception as error:  # sounddevice.PortAudioError, which the import could not give us
        if type(error).__name__ != "PortAudioError":
            raise
        raise DeviceError(f"PortAudio does not start ({error})", _check_sound_system()) from None
    return sounddevice


def how_to_install(platform: str) -> str:
    """What to do where there is no PortAudio library.

    Args:
        platform: as `sys.platform` has it.
    """
    if platform.startswith("linux"):
        return (
            "install it: apt install libportaudio2 (Debian, Ubuntu), dnf install portaudio"
            " (Fedora) or pacman -S portaudio (Arch)"
        )
    again = "install it again: pip install --force-reinstall sounddevice"
    return f"{again}, or brew install portaudio" if platform == "darwin" else again


def refresh() -> None:
    """Look again which devices there are: PortAudio does so only when it starts.

    Closes every stream of this process, so it is called when none is open.
    """
    sounddevice = load()
    with contextlib.suppress(sounddevice.PortAudioError):
        sounddevice._terminate()
        sounddevice._initialize()


def explain(error: Exception, device: str | None = None) -> DeviceError:
    """What a PortAudioError means for a user.

    Args:
        error: the error; its arguments are a text, a code, and what the host
            had to say.
        device: the name of the device.
    """
    name = f'the microphone "{device}"' if device else "the microphone"
    code = error.args[1] if len(error.args) > 1 else None
    text = " ".join(str(error).split())
    if code == _DEVICE_UNAVAILABLE or "busy" in text.lower():
        return DeviceError(
            f"{name} is in use by another program, or not there",
            "close that program, or choose another one: streamer devices",
        )
    return DeviceError(f"{name} cannot be opened ({text})", _check_sound_system())


def privacy_hint(platform: str) -> str:
    """What to do where a microphone gives nothing but zeros.

    Args:
        platform: as `sys.platform` has it.
    """
    where = _PRIVACY.get(platform, "see whether it is muted (alsamixer, pavucontrol)")
    return f"{where}, or choose another one: streamer devices"


def _check_sound_system() -> str:
    hint = _PRIVACY.get(sys.platform)
    check = "see whether other programs can record, or choose another one: streamer devices"
    return f"{hint}; {check}" if hint else check
