"""``python -m streamer``."""

from streamer.cli.app import main

if __name__ == "__main__":
    main()
