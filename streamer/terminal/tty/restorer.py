"""A small watcher that puts the terminal right when the program dies without a chance to.

A segmentation fault in a native library, the kernel running out of memory,
``kill -9``: no handler of ours runs then, and the shell would be left without
echo or cursor. A shell process of a few lines holds one end of a pipe; when the
other end closes without a goodbye, it restores what it saw at the beginning.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys

#: Reads the settings before and after ours are made, and waits. It restores only
#: settings that are still ours: a shell that has taken the terminal back in the
#: meantime knows better. On standard error it has the terminal.
_SCRIPT = """
trap '' HUP INT QUIT TERM TSTP TTIN TTOU
before=$(stty -g <&2) || exit 0
echo ready
read -r word || exit 0
ours=$(stty -g <&2)
read -r word && exit 0
[ "$(stty -g <&2)" = "$ours" ] && stty "$before" <&2
printf '\\r\\033[J\\033[?25h' >&2
"""


class TtyRestorer:
    """Watches over one terminal until `dismiss`.

    Args:
        fd: descriptor of the terminal, open for reading and writing or for one of both.
    """

    def __init__(self, fd: int) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        if sys.platform == "win32":  # no settings to restore: the console keeps its own
            return
        try:
            # A session of its own: no key and no shell sends it signals, and nobody
            # stops it for touching a terminal from the background.
            self._process = subprocess.Popen(
                ["/bin/sh", "-c", _SCRIPT],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=fd,
                start_new_session=True,
            )
        except OSError:
            return  # no shell here: handlers of ours and the user's shell must do
        assert self._process.stdout is not None
        self._process.stdout.readline()  # the settings as they were are known now

    def watch(self) -> None:
        """Say that the terminal now has the program's settings."""
        self._say(b"go\n")

    def dismiss(self) -> None:
        """End the watch: the terminal is as it was. May be called twice."""
        if self._process is None:
            return
        self._say(b"done\n")
        process, self._process = self._process, None
        assert process.stdin is not None and process.stdout is not None
        process.stdout.close()
        with contextlib.suppress(OSError):  # it has gone already
            process.stdin.close()
        process.wait()

    def _say(self, word: bytes) -> None:
        if self._process is None or self._process.stdin is None:
            return
        # Where somebody ended the watcher nothing is lost but a safety net.
        with contextlib.suppress(OSError):
            self._process.stdin.write(word)
            self._process.stdin.flush()
