"""The one place where coremltools is imported.

It is an optional dependency off macOS, takes seconds to import, and speaks a
lot while it works: progress bars, and warnings about parts that only macOS has.
"""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator
from typing import Any

from streamer.errors import ConversionError


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep coremltools' progress bars and warnings off the terminal; errors still raise."""
    logger = logging.getLogger("coremltools")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        with (
            contextlib.redirect_stderr(io.StringIO()),
            contextlib.redirect_stdout(io.StringIO()),
            warnings.catch_warnings(),
        ):
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


def coremltools() -> Any:
    """Return the coremltools module.

    Raises:
        ConversionError: it is not installed.
    """
    try:
        with quiet():
            import coremltools as module
    except ImportError as error:
        raise ConversionError(
            f"coremltools cannot be imported ({error})", "pip install 'streamer[convert]'"
        ) from error
    return module
