"""Who prints what: the live view on standard error, the writer on standard output.

====================  ===================  ==========================================
standard output       standard error       what happens
====================  ===================  ==========================================
terminal              the same terminal    The live view prints the finals into the
                                           scrollback and draws below them. Nothing
                                           is written to standard output: no line
                                           appears twice.
terminal              another terminal     The writer prints the finals to standard
                                           output; the live view prints them too, on
                                           its own terminal.
file or /dev/null     terminal             The writer fills the file; the live view
                                           prints the finals as well, since nothing
                                           else shows them.
pipe or socket        terminal             The writer feeds the pipe. What reads it
                                           (``| tee``, ``| jq``) may print to the same
                                           terminal, so the live view draws only its
                                           region and no finals. Before a final goes
                                           down the pipe, `LiveView.make_room` erases the
                                           region for a moment.
anything              file or pipe         No live view. The writer prints to standard
                                           output; warnings and gaps are plain lines
                                           on standard error.
====================  ===================  ==========================================

There is no live view either when the user asked for plain lines (``--plain``, or ACCESSIBLE in
the environment, as for a screen reader), when
the format is not text and standard output is the same terminal (the data are what
the user wants to see), and on terminals that cannot move the cursor (TERM unset,
"dumb" or "unknown"). These get plain lines.
"""

from __future__ import annotations

import os
import stat
import sys
from dataclasses import dataclass
from typing import TextIO

from streamer.terminal.tty.streams import descriptor, is_terminal

#: Values of TERM for terminals that cannot move the cursor.
DUMB = frozenset(["", "dumb", "unknown"])

#: Set by people who want lines that a screen reader can read, in any program that knows it.
ACCESSIBLE = "ACCESSIBLE"


@dataclass(frozen=True)
class RoutingOptions:
    """What the routing depends on, besides which streams are terminals.

    Attributes:
        format: what the writer writes, as ``--format``.
        plain: whether the user asked for plain lines (``--plain``).
        same_terminal: whether both streams are the same terminal.
        piped: whether a program reads standard output and may print it.
    """

    format: str = "text"
    plain: bool = False
    same_terminal: bool = True
    piped: bool = False


@dataclass(frozen=True)
class Routing:
    """Who prints what.

    Attributes:
        live: whether there is a live view on standard error.
        view_prints_finals: whether it prints the finals into the scrollback.
        writer_prints: whether the writer writes to standard output.
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
    """Decide who prints what, by the table at the top of this module.

    Args:
        stdout_is_tty: whether standard output is a terminal.
        stderr_is_tty: whether standard error is one.
        term: the environment variable TERM, None if unset.
        options: see `RoutingOptions`.
    """
    options = options if options is not None else RoutingOptions()
    # Windows has no TERM; its consoles have understood control sequences since 2016.
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
    """Call `route` for the streams of this process.

    Args:
        format: as ``--format``.
        plain: as ``--plain``.
        stdout: None for ``sys.stdout``.
        stderr: None for ``sys.stderr``.
    """
    out = stdout if stdout is not None else sys.stdout
    err = stderr if stderr is not None else sys.stderr
    plain = plain or bool(os.environ.get(ACCESSIBLE))
    options = RoutingOptions(
        format=format, plain=plain, same_terminal=_same_terminal(out, err), piped=_piped(out)
    )
    return route(is_terminal(out), is_terminal(err), os.environ.get("TERM"), options)


def _same_terminal(one: TextIO, other: TextIO) -> bool:
    if not (is_terminal(one) and is_terminal(other)):
        return False
    if sys.platform == "win32":
        return True  # a process has one console there
    return os.fstat(one.fileno()).st_rdev == os.fstat(other.fileno()).st_rdev


def _piped(stream: TextIO) -> bool:
    fd = descriptor(stream)
    if fd is None:
        return False
    mode = os.fstat(fd).st_mode
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)
