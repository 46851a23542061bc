"""The command ``streamer``, and ``python -m streamer``."""

import _signal  # type: ignore[import-not-found]  # a C module; `signal` takes milliseconds

# Until there is something to shut down, Ctrl-C ends the program without a word, as it ends
# most programs; Python would print a traceback. Before all other imports, which take a while.
if _signal.getsignal(_signal.SIGINT) is _signal.default_int_handler:
    _signal.signal(_signal.SIGINT, _signal.SIG_DFL)

from streamer.cli.app import main

if __name__ == "__main__":
    main()
