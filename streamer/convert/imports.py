"""Optional packages: imported here, or an error that names the package to install."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import warnings
from collections.abc import Iterator
from typing import Any

from streamer.audio.native_stderr import native_messages_hidden
from streamer.errors import ConversionError


def import_onnx() -> Any:
    """Return the module ``onnx``.

    Raises:
        ConversionError: it is not installed.
    """
    try:
        import onnx
    except ImportError as error:
        raise _not_importable("onnx", error) from error
    return onnx


def import_coremltools() -> Any:
    """Return the module ``coremltools``; importing it takes seconds.

    Raises:
        ConversionError: it is not installed.
    """
    try:
        with coremltools_silenced():
            import coremltools
    except ImportError as error:
        raise _not_importable("coremltools", error) from error
    return coremltools


def import_tensorflow() -> Any:
    """Return the module ``tensorflow``, its startup messages hidden.

    Raises:
        ConversionError: it is not installed.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        with native_messages_hidden():
            import tensorflow
    except ImportError as error:
        raise _not_importable("tensorflow", error) from error
    return tensorflow


@contextlib.contextmanager
def coremltools_silenced() -> Iterator[None]:
    """Hide coremltools' progress bars and warnings; errors are still raised."""
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


def _not_importable(package: str, error: ImportError) -> ConversionError:
    return ConversionError(
        f"the package {package} cannot be imported ({error})", f"pip install {package}"
    )
