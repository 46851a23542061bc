"""The command ``streamer``, and ``python -m streamer``."""

import _signal  # type: ignore[import-not-found]  # a C module; `signal` takes milliseconds

# Until there is something to shut down, Ctrl-C ends the program without a word, as it ends
# most programs; Python would print a traceback. Before all other imports, which take a while.
if _signal.getsignal(_signal.SIGINT) is _signal.default_int_handler:
    _signal.signal(_signal.SIGINT, _signal.SIG_DFL)

import sys


def main() -> None:
    """Run the command line; a key binding (``streamer toggle``) does not wait for all of it."""
    if len(sys.argv) == 2 and sys.argv[1] in ("start", "stop", "toggle"):
        from streamer.control.client import run_key_command

        code = run_key_command(sys.argv[1:])
        if code is not None:
            sys.exit(code)
    from streamer.cli.app import main as run

    run()


if __name__ == "__main__":
    main()
