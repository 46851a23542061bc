"""Ray: started on this machine, or the cluster that already runs.

Nothing is reported to anybody, there is no dashboard, and what Ray writes to the disk of this
machine is gone when it ends.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import secrets
import socket
import sys
import tempfile
from collections.abc import Iterator
from typing import Any

from streamer.audio.native_stderr import native_messages_hidden
from streamer.errors import StreamerError, UsageError

_INSTALL = 'pip install "streamer-stt[cluster]"'

_ADDRESS = re.compile(r"auto|(ray://)?[^:/\s]+:\d{1,5}|(ray://)?\[[0-9A-Fa-f:.]+\]:\d{1,5}")

#: How long a cluster may take to accept a connection, in seconds. Ray would try for a minute.
_CONNECT_S = 5.0


def check_installed(address: str | None) -> None:
    """Check that the extra ``cluster`` is there.

    Args:
        address: of the cluster; None for this machine.

    Raises:
        UsageError: the Python is too old, a package is missing, or the address is none.
    """
    if address is not None and not _ADDRESS.fullmatch(address):
        raise UsageError(f"{address!r} is not a cluster's address", "give --ray HOST:PORT")
    if sys.version_info < (3, 10):
        raise UsageError("--on ray needs Python 3.10 or later", "use a newer Python")
    try:
        import fsspec  # noqa: F401

        import_ray(address)
    except ImportError as error:
        raise UsageError(f"--on ray needs the package {error.name}", _INSTALL) from None


def import_ray(address: str | None) -> Any:
    """Import Ray with its usage reports off.

    A Ray that is started here listens on all addresses of the machine, and whoever may talk to it
    may run programs; so it refuses everybody else.

    Args:
        address: of the cluster; None for this machine.

    Raises:
        ImportError: it is not installed.
    """
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    if address is None and "ray" not in sys.modules:  # read when it is imported
        os.environ["RAY_AUTH_MODE"] = "token"
        os.environ["RAY_AUTH_TOKEN"] = secrets.token_hex(32)
    # Otherwise a worker on a machine with GPUs would say that this will change.
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    import ray

    return ray


@contextlib.contextmanager
def started(address: str | None, cpus: int | None = None) -> Iterator[Any]:
    """Connect to a cluster, or start Ray on this machine, and end that afterwards.

    Args:
        address: of the cluster, ``HOST:PORT`` or ``ray://HOST:PORT``; None for this machine.
        cpus: how many processors of this machine Ray may use; None for all.

    Yields:
        The module ``ray``.

    Raises:
        StreamerError: there is no cluster at that address, or Ray cannot start.
    """
    ray = import_ray(address)
    if address is not None:
        _check_reachable(address)
    options: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    with tempfile.TemporaryDirectory(prefix="ray-", ignore_cleanup_errors=True) as folder:
        if address is None:
            options |= {
                "address": "local",
                "num_cpus": cpus,
                "include_dashboard": False,
                # Its logs, and audio for which memory is too small.
                "_temp_dir": folder,
            }
        else:
            options["address"] = address
        try:
            with native_messages_hidden():  # a line for every attempt to connect
                ray.init(**options)
        except Exception as error:  # ValueError, RuntimeError, ConnectionError, its own
            reason = (str(error).strip() or type(error).__name__).splitlines()[0][:200]
            if address is None:
                raise StreamerError(f"Ray cannot start ({reason})", "see its message") from error
            raise StreamerError(
                f"there is no Ray cluster at {address} ({reason})", "check --ray"
            ) from error
        try:
            yield ray
        finally:
            ray.shutdown()


def _check_reachable(address: str) -> None:
    """Connect to a cluster's address once.

    Raises:
        StreamerError: nobody listens there.
    """
    host, colon, port = address.rpartition("://")[2].rpartition(":")
    if not colon:
        return  # "auto": Ray knows where that is
    try:
        socket.create_connection((host.strip("[]"), int(port)), _CONNECT_S).close()
    except (OSError, OverflowError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise StreamerError(
            f"there is no Ray cluster at {address} ({reason})", "check --ray"
        ) from None


def processors(ray: Any) -> int:
    """Return the number of processors that a cluster has now, at least 1."""
    return max(1, int(ray.cluster_resources().get("CPU", 0)))
