"""What several test modules share."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from pathlib import Path

import hypothesis
import pytest

import streamer  # noqa: F401 - switches the telemetry of ONNX Runtime off, before any test imports it

#: Data that lives beside the repository on some machines and is not part of it.
SHARED = Path(__file__).resolve().parents[2] / "shared"

#: Marks a test that uses that data; without it the test is skipped, saying so.
needs_shared = pytest.mark.skipif(
    not (SHARED / "reference").is_dir(), reason="needs ../shared, which is not here"
)

# No wall-clock limits: an example may be slow where the machine is busy.
hypothesis.settings.register_profile("without-deadlines", deadline=None)
hypothesis.settings.load_profile("without-deadlines")

#: The cache of all tests and of the programs that they start, in place of the user's.
CACHE = Path(tempfile.mkdtemp(prefix="streamer-tests-"))


def pytest_unconfigure() -> None:
    """Remove the cache."""
    shutil.rmtree(CACHE, ignore_errors=True)


def pytest_configure() -> None:
    """Keep the user's cache out of the tests, and take back signals that a shell ignores.

    Programs find the cache through the environment, which macOS and Windows do not read. They
    would also inherit that a shell lets its background jobs ignore signals, and never hear a
    Ctrl-C.
    """
    os.environ["XDG_CACHE_HOME"] = os.fspath(CACHE)
    for name in ("SIGINT", "SIGQUIT", "SIGHUP", "SIGTERM", "SIGTSTP", "SIGTTIN", "SIGTTOU"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) == signal.SIG_IGN:
            ours = signal.default_int_handler if name == "SIGINT" else signal.SIG_DFL
            signal.signal(number, ours)
