"""Deprecated name of ``python -m streamer.training.english``; removed in the next version."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Optional

from streamer.training.english.__main__ import main as _main


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """Run ``python -m streamer.training.english`` with a warning."""
    print(
        "warning: python -m streamer.cli.english is deprecated - "
        "use python -m streamer.training.english",
        file=sys.stderr,
    )
    return _main(arguments)


if __name__ == "__main__":
    sys.exit(main())
