"""The public models that ``streamer models pull`` knows by name.

Their publishers give no checksums. Listed are those that other projects publish: Open Model Zoo
the SHA-256 of 0.8.2, Speech Note the MD5 of 0.9.3, which tells a damaged or another file but not
a forged one. The SHA-256 of other files is recorded after the first download that converts
successfully, and checked from then on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any


@dataclass(frozen=True)
class RemoteFile:
    """A file to download.

    Attributes:
        url: its address, http or https.
        size: its length in bytes, if known.
        sha256: its SHA-256 in hexadecimal, if a trusted one is known.
        md5: its MD5 in hexadecimal, if a public one is known.
        mirrors: other addresses of the same file, tried in turn.
    """

    url: str
    size: int | None = None
    sha256: str | None = None
    md5: str | None = None
    mirrors: tuple[str, ...] = ()

    @property
    def file_name(self) -> str:
        """The last part of the URL's path."""
        return self.url.split("?", 1)[0].rstrip("/").rsplit("/", 1)[-1]


@dataclass(frozen=True)
class KnownModel:
    """A public model: a network, with a scorer and an alphabet if they are separate files.

    Attributes:
        name: its name for ``--model`` once it is installed.
        licence: of the files.
        about: a short description.
        network: the ``.pbmm`` or ``.tflite``.
        scorer: the language model.
        alphabet: the labels, if the network does not contain them.
        download_mb: approximate size of the download in megabytes.
    """

    name: str
    licence: str
    about: str
    network: RemoteFile
    scorer: RemoteFile | None = None
    alphabet: RemoteFile | None = None
    download_mb: int | None = None


_DEEPSPEECH = "https://github.com/mozilla/DeepSpeech/releases/download"
#: The release, and the host that the publisher's own site linked to, which may be gone.
_COQUI = (
    "https://github.com/coqui-ai/STT-models/releases/download/english/coqui",
    "https://coqui.gateway.scarf.sh/english/coqui",
)
_DEEPSPEECH_VERSIONS = "0.7.0 0.7.1 0.7.3 0.7.4 0.8.0 0.8.1 0.8.2 0.9.0 0.9.1 0.9.2 0.9.3".split()

#: Public lengths in bytes and checksums; a server that states another length is not trusted.
_FACTS: Mapping[str, Mapping[str, int | str]] = MappingProxyType(
    {
        "deepspeech-0.8.2-models.pbmm": {
            "size": 188_915_984,
            "sha256": "f1ad4347b276b7f0f35bc47954feb7240fad913f3a1b85605628ab6d6209b0c9",
        },
        "deepspeech-0.8.2-models.scorer": {
            "size": 953_363_776,
            "sha256": "d0cf926ab9cab54a8a7d70003b931b2d62ebd9105ed392d1ec9c840029867799",
        },
        "deepspeech-0.9.3-models.pbmm": {
            "size": 188_915_987,
            "md5": "8b15ccb86d0214657e48371287b7a49a",
        },
        "deepspeech-0.9.3-models.scorer": {
            "size": 953_363_776,
            "md5": "08a02b383a9bc93c8a8ad188dbf79bc9",
        },
    }
)


def _deepspeech(version: str) -> KnownModel:
    def file(suffix: str) -> RemoteFile:
        name = f"deepspeech-{version}-models{suffix}"
        facts: dict[str, Any] = dict(_FACTS.get(name, {}))
        return RemoteFile(f"{_DEEPSPEECH}/v{version}/{name}", **facts)

    return KnownModel(
        name=f"deepspeech-{version}",
        licence="MPL-2.0",
        about=f"Mozilla DeepSpeech {version}, US English, 2048 units, float32",
        network=file(".pbmm"),
        scorer=file(".scorer"),
        download_mb=1140,
    )


def _coqui(vocabulary: str, about: str, scorer: str, download_mb: int) -> KnownModel:
    def file(name: str) -> RemoteFile:
        first, *others = (f"{host}/v1.0.0-{vocabulary}/{name}" for host in _COQUI)
        return RemoteFile(first, mirrors=tuple(others))

    return KnownModel(
        name=f"coqui-1.0.0-{vocabulary}",
        licence="Apache-2.0",
        about=f"Coqui English 1.0.0, {about}",
        network=file("model.tflite"),
        scorer=file(scorer),
        alphabet=file("alphabet.txt"),
        download_mb=download_mb,
    )


#: All models that can be pulled by name.
KNOWN: dict[str, KnownModel] = {
    model.name: model
    for model in [
        *(_deepspeech(version) for version in _DEEPSPEECH_VERSIONS),
        _coqui(
            "large-vocab",
            "large vocabulary, 2048 units, int8 (47 MB)",
            "large_vocabulary.scorer",
            180,
        ),
        _coqui(
            "huge-vocab",
            "huge vocabulary, 2048 units, float32 (181 MB)",
            "huge-vocabulary.scorer",
            1160,
        ),
    ]
}

#: One model for each need, most asked for first.
RECOMMENDED: Mapping[str, str] = MappingProxyType(
    {
        "coqui-1.0.0-huge-vocab": "fewest errors: 4.5 % on LibriSpeech test-clean, as published",
        "coqui-1.0.0-large-vocab": "smallest download",
        "deepspeech-0.9.3": "the last original DeepSpeech",
    }
)
