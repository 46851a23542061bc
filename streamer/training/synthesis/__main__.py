"""``python -m streamer.training.synthesis``: see `recordings`."""

import sys

from streamer.training.synthesis.recordings import main

if __name__ == "__main__":
    sys.exit(main())
