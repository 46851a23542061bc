"""What C code writes to standard error is hidden, what Python writes is not."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import os, sys
from streamer.audio.native_stderr import native_messages_hidden
with native_messages_hidden():
    os.write(2, b"from C\\n")
    print("from Python", file=sys.stderr)
    sys.stdout.write("data\\n")
os.write(2, b"C again\\n")
print("Python again", file=sys.stderr)
with native_messages_hidden():
    raise SystemExit("the end")
"""


def run(program: str, **more: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # type: ignore[call-overload, no-any-return]
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, **more
    )


def test_only_messages_of_c_code_are_hidden_and_only_within_the_context() -> None:
    done = run(PROGRAM)
    assert done.stdout == "data\n"
    assert done.stderr.splitlines() == ["from Python", "C again", "Python again", "the end"]


def test_a_traceback_is_not_hidden() -> None:
    done = run(
        "from streamer.audio.native_stderr import native_messages_hidden\n"
        "with native_messages_hidden():\n    1 / 0\n"
    )
    assert "ZeroDivisionError" in done.stderr and done.returncode == 1


def test_a_replaced_or_missing_standard_error_is_left_alone() -> None:
    done = run(
        "import io, sys\n"
        "from streamer.audio.native_stderr import native_messages_hidden\n"
        "for other in (io.StringIO(), None):\n"
        "    sys.stderr = other\n"
        "    with native_messages_hidden():\n"
        "        assert sys.stderr is other\n"
        "print('ok')"
    )
    assert done.stdout == "ok\n"
