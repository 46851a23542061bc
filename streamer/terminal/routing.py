"""Who prints what: the live view on standard error, the writer on standard output.

====================  ===================  ==========================================
standard output       standard error       what happens
====================  ===================  ==========================================
terminal              the same terminal    The live view prints the finals into the
                                           scrollback and draws below them. Nothing
                                           is written to standard output: no line
                                           stands there twice.
terminal              another terminal     The writer prints the finals to standard
                                           output; the live view prints them too, on
                                           its own terminal.
file or /dev/null     terminal             The writer fills the file; the live view
                                           prints the finals as well, since nobody
                                           else shows them.
pipe or socket        terminal             The writer feeds the pipe. What reads it
                                           (``| tee``, ``| jq``) may print to the same
                                           terminal, so the live view draws only its
                                           region and no finals. Before a final goes
                                           down the pipe, `LiveView.make_room` takes the
                                           region away for a moment.
anything              file or pipe         No live view. The writer prints to standard
                                           output; warnings and gaps stand as plain
                                           lines on standard error.
====================  ===================  ==========================================

There is no live view either where the person asked for plain text (``--stdout``),
where the format is not text and standard output is the same terminal (the data are
what the person wants to see), and on terminals that cannot move the cursor (TERM
unset, "dumb" or "unknown"): plain lines then.

Whether a stream is a terminal is asked of the operating system, never of Rich:
FORCE_COLOR makes Rich take a pipe for a terminal.
"""

from __future__ import annotations

import io
import os
import stat
import sys
from dataclasses import dataclass
from typing import TextIO

#: Terminals that only know lines.
DUMB = frozenset(["", "dumb", "unknown"])


@dataclass(frozen=True)
class RoutingOptions:
    """What bears on the choice besides the two streams being terminals.

    Attributes:
        format: what the writer writes, as ``--format``.
        plain: the person asked for plain output (``--stdout``).
        same_terminal: both streams are one terminal.
        piped: a program reads standard output and may print it.
    """

    format: str = "text"
    plain: bool = False
    same_terminal: bool = True
    piped: bool = False


@dataclass(frozen=True)
class Routing:
    """Who prints what.

    Attributes:
        live: there is a live view on standard error.
        view_prints_finals: it puts the finals into the scrollback.
        writer_prints: the writer writes to standard output.
    """

    live: bool
    view_prints_finals: bool
    writer_prints: bool


PLAIN = Routing(live=False, view_prints_finals=False, writer_prints=True)


def route(
    stdout_is_tty: bool,
    stderr_is_tty: bool,
    term: str | None,
    options: RoutingOptions | None = None,
) -> Routing:
    """Decide who prints what; the table is at the top of this module.

    Args:
        stdout_is_tty: what ``os.isatty`` says of standard output.
        stderr_is_tty: the same of standard error.
        term: the variable TERM, None where it is not set.
        options: see `RoutingOptions`.
    """
    options = options if options is not None else RoutingOptions()
    # Windows has no TERM; its consoles have taken control sequences since 2016.
    dumb = sys.platform != "win32" and (term or "") in DUMB
    if not stderr_is_tty or options.plain or dumb:
        return PLAIN
    if not stdout_is_tty:
        return Routing(live=True, view_prints_finals=not options.piped, writer_prints=True)
    if not options.same_terminal:
        return Routing(live=True, view_prints_finals=True, writer_prints=True)
    if options.format != "text":
        return PLAIN
    return Routing(live=True, view_prints_finals=True, writer_prints=False)


def route_streams(
    format: str = "text",
    plain: bool = False,
    stdout: TextIO | None = None,
    stderr: TextIO | None = None,
) -> Routing:
    """`route` for the streams of this process.

    Args:
        format: as ``--format``.
        plain: as ``--stdout``.
        stdout: None for the process's own.
        stderr: None for the process's own.
    """
    out = stdout if stdout is not None else sys.stdout
    err = stderr if stderr is not None else sys.stderr
    options = RoutingOptions(
        format=format, plain=plain, same_terminal=_same_terminal(out, err), piped=_piped(out)
    )
    return route(_is_tty(out), _is_tty(err), os.environ.get("TERM"), options)


def _is_tty(stream: TextIO) -> bool:
    fd = _descriptor(stream)
    return fd is not None and os.isatty(fd)


def _same_terminal(one: TextIO, other: TextIO) -> bool:
    first, second = _descriptor(one), _descriptor(other)
    if first is None or second is None or not (os.isatty(first) and os.isatty(second)):
        return False
    if sys.platform == "win32":
        return True  # a process has one console there
    return os.fstat(first).st_rdev == os.fstat(second).st_rdev


def _piped(stream: TextIO) -> bool:
    fd = _descriptor(stream)
    if fd is None:
        return False
    mode = os.fstat(fd).st_mode
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)


def _descriptor(stream: TextIO) -> int | None:
    try:
        return stream.fileno()
    except (AttributeError, OSError, ValueError, io.UnsupportedOperation):
        return None  # closed, or replaced by something in memory
