"""What several test modules share."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

import streamer  # noqa: F401 - switches the telemetry of ONNX Runtime off, before any test imports it

#: Data that lives beside the repository on some machines and is not part of it.
SHARED = Path(__file__).resolve().parents[2] / "shared"

#: Marks a test that uses that data; without it the test is skipped, saying so.
needs_shared = pytest.mark.skipif(
    not (SHARED / "reference").is_dir(), reason="needs ../shared, which is not here"
)


def pytest_configure() -> None:
    """Take back the signals that a shell lets its background jobs ignore.

    Programs started from the tests would inherit that and never hear a Ctrl-C.
    """
    for name in ("SIGINT", "SIGQUIT", "SIGHUP", "SIGTERM", "SIGTSTP", "SIGTTIN", "SIGTTOU"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) == signal.SIG_IGN:
            ours = signal.default_int_handler if name == "SIGINT" else signal.SIG_DFL
            signal.signal(number, ours)
