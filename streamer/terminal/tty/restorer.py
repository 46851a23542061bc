"""Restores the terminal if the program dies without a chance to do so.

After a segmentation fault in a native library, an out-of-memory kill or
``kill -9``, no handler runs, and the shell would be left without echo or cursor.
A small shell process holds one end of a pipe. If the other end closes without a
farewell, it restores the original settings.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys

#: Reads the settings before and after the program changes them, then waits. Each line that
#: comes is the final words that only the live region shows: if the program dies, the shell
#: writes over them, so they are printed again. The settings are restored only if they are
#: still the program's: a shell that has taken the terminal back has set its own. Standard
#: error is the terminal.
_SCRIPT = """
trap '' HUP INT QUIT TERM TSTP TTIN TTOU
before=$(stty -g <&2) || exit 0
echo ready
read -r words || exit 0
ours=$(stty -g <&2)
words=
while read -r line; do
    [ "$line" = done ] && exit 0
    words=${line#words }
done
[ "$(stty -g <&2)" = "$ours" ] && stty "$before" <&2
printf '%s' "$1" >&2
[ -n "$words" ] && printf '  %s\\n' "$words" >&2
"""


#: Erases what is below the cursor, which is where the live region begins, and shows the cursor.
ERASE_REGION = "\r\x1b[J\x1b[?25h"


class TtyRestorer:
    """Guards a terminal until `dismiss`.

    Args:
        fd: descriptor of the terminal, open for reading, writing or both.
        leave: what is written to the terminal if the program dies.
    """

    def __init__(self, fd: int, leave: str = ERASE_REGION) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._kept = ""
        if sys.platform == "win32":  # the console has no settings to restore
            return
        try:
            # A separate session: keys and shells send it no signals, and it may change
            # the terminal from the background.
            self._process = subprocess.Popen(
                ["/bin/sh", "-c", _SCRIPT, "sh", leave],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=fd,
                start_new_session=True,
            )
        except OSError:
            return  # no shell: the program's handlers and the user's shell must do
        assert self._process.stdout is not None
        self._process.stdout.readline()  # it has read the original settings

    def watch(self) -> None:
        """Tell the process that the terminal now has the program's settings."""
        self._send(b"go\n")

    def keep(self, words: str) -> None:
        """Have words printed again if the program dies; those of the call before no longer.

        Args:
            words: one line without control characters.
        """
        if words != self._kept:
            self._kept = words
            self._send(f"words {words}\n".encode())

    def dismiss(self) -> None:
        """End the process, once the terminal is restored. May be called twice."""
        if self._process is None:
            return
        self._send(b"done\n")
        process, self._process = self._process, None
        assert process.stdin is not None and process.stdout is not None
        process.stdout.close()
        with contextlib.suppress(OSError):  # it has already exited
            process.stdin.close()
        process.wait()

    def _send(self, word: bytes) -> None:
        if self._process is None or self._process.stdin is None:
            return
        # If the process was killed, only the safety net is lost.
        with contextlib.suppress(OSError):
            self._process.stdin.write(word)
            self._process.stdin.flush()
