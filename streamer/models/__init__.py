"""Installed models: what is known, how it is fetched, where it is kept."""

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
