"""How many steps a network may be converted with."""

from __future__ import annotations

from streamer.errors import ConversionError

#: A window of 64 steps is 1.28 s: nobody streams with more.
MAX_STEPS = 64


def check_steps(steps: int) -> None:
    """Refuse a number of steps that no network can have.

    Args:
        steps: steps in a window.

    Raises:
        ConversionError: it is not between 1 and `MAX_STEPS`.
    """
    if not 1 <= steps <= MAX_STEPS:
        raise ConversionError(
            f"{steps} steps in a window are not possible",
            f"choose a number from 1 to {MAX_STEPS}",
        )
