"""Fixtures of this folder."""

from tests.support.display import display

__all__ = ["display"]
