"""A microphone for machines without a sound card: PulseAudio with a null sink.

    with virtual_microphone(rate=48000, channels=2) as microphone:
        child = subprocess.Popen([...], env=microphone.env)
        microphone.speak("sentence.wav")

Everything is private to the context: the daemon, its socket, and the ALSA
configuration that makes it the default device of the processes given ``env``.
Audio played into the sink comes out of the default microphone, through the real
PortAudio, ALSA and PulseAudio. Tests that use it are marked `needs_pulse`.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

#: Guards against hangs only; on an idle machine the daemon is up in 0.3 s.
START_SECONDS = 60.0

_ALSA_CONFIGURATION = """
</usr/share/alsa/alsa.conf>
pcm.!default {{ type pulse server "unix:{socket}" device "virt.monitor" }}
ctl.!default {{ type pulse server "unix:{socket}" }}
pcm.virtual_microphone {{ type pulse server "unix:{socket}" device "virt.monitor" }}
"""

_PROBE = "import sounddevice; sounddevice.query_devices(kind='input')"


def _missing() -> str | None:
    """Return what a virtual microphone needs and this machine lacks; None if nothing."""
    if not sys.platform.startswith("linux"):
        return "needs Linux"
    for tool in ("pulseaudio", "paplay", "pactl"):
        if shutil.which(tool) is None:
            return f"needs {tool} (Debian: apt install pulseaudio pulseaudio-utils)"
    if not Path("/usr/share/alsa/alsa.conf").is_file():
        return "needs ALSA's configuration (Debian: apt install libasound2-data)"
    if importlib.util.find_spec("sounddevice") is None:
        return "needs sounddevice"
    try:
        import sounddevice  # noqa: F401
    except OSError:
        return "needs the PortAudio library (Debian: apt install libportaudio2)"
    return None


_MISSING = _missing()

#: Marks a test that speaks into a virtual microphone.
needs_pulse = pytest.mark.skipif(_MISSING is not None, reason=f"virtual microphone: {_MISSING}")


class VirtualMicrophone:
    """A PulseAudio daemon whose null sink is the default microphone.

    Attributes:
        env: the environment for processes that use it.
        daemon: the PulseAudio process.
        log: the log of the daemon.
    """

    def __init__(self, folder: Path, rate: int, channels: int) -> None:
        socket = folder / "native"
        (folder / "home").mkdir()
        configuration = folder / "asound.conf"
        configuration.write_text(_ALSA_CONFIGURATION.format(socket=socket))
        self.log = folder / "pulseaudio.log"
        self.env: dict[str, str] = {
            **os.environ,
            "XDG_RUNTIME_DIR": str(folder),
            "PULSE_RUNTIME_PATH": str(folder),
            "PULSE_STATE_PATH": str(folder),
            "PULSE_SERVER": f"unix:{socket}",
            "ALSA_CONFIG_PATH": str(configuration),
        }
        self._sink = f"sink_name=virt rate={rate} channels={channels}"
        self._command = [
            "pulseaudio",
            "-n",  # ignore the machine's configuration
            "--daemonize=no",
            "--use-pid-file=no",
            "--exit-idle-time=-1",
            "--disable-shm=yes",
            "--realtime=no",
            "--high-priority=no",
            f"--log-target=file:{self.log}",
            "-L",
            f"module-native-protocol-unix socket={socket} auth-anonymous=1",
            "-L",
            f"module-null-sink {self._sink}",
        ]
        # Not for the processes that listen: they may need the real home.
        self._daemon_env = {**self.env, "HOME": str(folder / "home")}
        self._daemon_env.pop("PULSE_SERVER")
        self.daemon = self._start_daemon()

    def _start_daemon(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            self._command,
            env=self._daemon_env,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def wait_until_ready(self) -> None:
        """Wait until the daemon answers; skip the test if ALSA cannot reach it."""
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            if self.daemon.poll() is not None or time.monotonic() > deadline:
                log = self.log.read_text() if self.log.is_file() else ""
                raise RuntimeError(f"PulseAudio did not start: {log}")
            time.sleep(0.05)
        probe = subprocess.run(
            [sys.executable, "-c", _PROBE], env=self.env, capture_output=True, check=False
        )
        if probe.returncode != 0:
            pytest.skip(
                "ALSA has no way to PulseAudio (Debian: apt install libasound2-plugins): "
                + probe.stderr.decode(errors="replace").strip()[-200:]
            )

    def _answers(self) -> bool:
        asked = subprocess.run(["pactl", "info"], env=self.env, capture_output=True, check=False)
        return asked.returncode == 0

    def speak(self, path: str | Path) -> None:
        """Play a WAV file into the microphone to its end."""
        self.start_speaking(path).wait()

    def start_speaking(self, path: str | Path) -> subprocess.Popen[bytes]:
        """Start to play a WAV file into the microphone and return the player."""
        return subprocess.Popen(["paplay", "--device=virt", str(path)], env=self.env)

    def listeners(self) -> list[str]:
        """Return the streams that are recording, one line each."""
        listed = subprocess.run(
            ["pactl", "list", "short", "source-outputs"],
            env=self.env,
            capture_output=True,
            check=True,
            text=True,
        )
        return listed.stdout.splitlines()

    def wait_for_listener(self, timeout_s: float = START_SECONDS) -> None:
        """Wait until a process records from the microphone; see `wait_for_listeners`."""
        self.wait_for_listeners(1, timeout_s)

    def wait_for_listeners(self, n: int, timeout_s: float = START_SECONDS) -> None:
        """Wait until ``n`` streams record from the microphone.

        Raises:
            TimeoutError: they do not in time.
        """
        deadline = time.monotonic() + timeout_s
        while len(self.listeners()) != n:
            if time.monotonic() > deadline:
                raise TimeoutError(f"there are not {n} listeners at the virtual microphone")
            time.sleep(0.05)

    def unplug(self) -> None:
        """Remove the microphone, as if unplugged."""
        self.daemon.kill()
        self.daemon.wait()

    def plug_in_again(self) -> None:
        """Start a new daemon after `unplug`."""
        Path(self.env["PULSE_SERVER"].partition(":")[2]).unlink(missing_ok=True)
        self.daemon = self._start_daemon()
        self.wait_until_ready()

    def unload(self) -> None:
        """Remove the sink; the daemon runs on."""
        self._pactl("unload-module", "module-null-sink")

    def load(self) -> None:
        """Create the sink again after `unload`."""
        self._pactl("load-module", "module-null-sink", *self._sink.split())

    def _pactl(self, *arguments: str) -> None:
        subprocess.run(["pactl", *arguments], env=self.env, check=True, capture_output=True)


@contextmanager
def virtual_microphone(rate: int = 16000, channels: int = 1) -> Iterator[VirtualMicrophone]:
    """Yield a virtual microphone.

    Args:
        rate: sample rate of the null sink in Hz.
        channels: number of its channels.
    """
    # A short path: the name of a socket is limited to 107 bytes.
    folder = Path(tempfile.mkdtemp(prefix="mic-"))
    microphone = VirtualMicrophone(folder, rate, channels)
    try:
        microphone.wait_until_ready()
        yield microphone
    finally:
        microphone.daemon.terminate()
        try:
            microphone.daemon.wait(10)
        except subprocess.TimeoutExpired:
            microphone.unplug()
        shutil.rmtree(folder, ignore_errors=True)
