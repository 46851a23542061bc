"""What several test modules share."""

from __future__ import annotations

from pathlib import Path

import pytest

#: Data that lives beside the repository on some machines and is not part of it.
SHARED = Path(__file__).resolve().parents[2] / "shared"

#: Marks a test that uses that data; without it the test is skipped, saying so.
needs_shared = pytest.mark.skipif(
    not (SHARED / "reference").is_dir(), reason="needs ../shared, which is not here"
)
