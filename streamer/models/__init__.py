"""Models: the public catalogue, downloads, and the registry of installed ones."""

from streamer.models.catalogue import KNOWN, KnownModel, RemoteFile
from streamer.models.download import Download, download
from streamer.models.registry import InstalledModel, ModelStore

__all__ = [
    "KNOWN",
    "Download",
    "InstalledModel",
    "KnownModel",
    "ModelStore",
    "RemoteFile",
    "download",
]
