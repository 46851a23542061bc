"""Models: the public catalogue, downloads, and the registry of installed ones.

Names are loaded on first use: a session needs neither downloads nor the modules for HTTP.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from streamer.models.catalogue import KNOWN, RECOMMENDED, KnownModel, RemoteFile
    from streamer.models.registry import InstalledModel, ModelStore

__all__ = [
    "KNOWN",
    "RECOMMENDED",
    "InstalledModel",
    "KnownModel",
    "ModelStore",
    "RemoteFile",
]

_HOMES = {
    "KNOWN": "catalogue",
    "RECOMMENDED": "catalogue",
    "KnownModel": "catalogue",
    "RemoteFile": "catalogue",
    "InstalledModel": "registry",
    "ModelStore": "registry",
}

if not TYPE_CHECKING:  # a type checker reports names that do not exist

    def __getattr__(name: str) -> object:
        """Load a name on first use."""
        import importlib

        if name in _HOMES:
            return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
