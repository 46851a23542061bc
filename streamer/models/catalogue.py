"""The public models that ``streamer models pull`` knows by name.

Their publishers give no SHA-256, so none is listed: it is recorded after the
first download that converts successfully, and checked from then on.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class RemoteFile:
    """A file to download.

    Attributes:
        url: its address, http or https.
        size: its length in bytes, if known.
        sha256: its SHA-256 in hexadecimal, if a trusted one is known.
    """

    url: str
    size: int | None = None
    sha256: str | None = None

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
_COQUI = "https://github.com/coqui-ai/STT-models/releases/download/english/coqui"
_DEEPSPEECH_VERSIONS = (
    "0.7.0 0.7.1 0.7.2 0.7.3 0.7.4 0.8.0 0.8.1 0.8.2 0.9.0 0.9.1 0.9.2 0.9.3".split()
)

#: Verified lengths in bytes; a server that states another one is not trusted.
_SIZES = {"deepspeech-0.9.3-models.pbmm": 188_915_987}


def _deepspeech(version: str) -> KnownModel:
    base = f"{_DEEPSPEECH}/v{version}/deepspeech-{version}-models"
    network = f"{base}.pbmm"
    return KnownModel(
        name=f"deepspeech-{version}",
        licence="MPL-2.0",
        about=f"Mozilla DeepSpeech {version}, US English, 2048 units",
        network=RemoteFile(network, _SIZES.get(network.rsplit("/", 1)[-1])),
        scorer=RemoteFile(f"{base}.scorer"),
        download_mb=1140,
    )


def _coqui(vocabulary: str, scorer: str, download_mb: int | None) -> KnownModel:
    base = f"{_COQUI}/v1.0.0-{vocabulary}"
    return KnownModel(
        name=f"coqui-1.0.0-{vocabulary}",
        licence="Apache-2.0",
        about=f"Coqui English 1.0.0, {vocabulary.replace('-', ' ')}ulary, 2048 units",
        network=RemoteFile(f"{base}/model.tflite"),
        scorer=RemoteFile(f"{base}/{scorer}"),
        alphabet=RemoteFile(f"{base}/alphabet.txt"),
        download_mb=download_mb,
    )


#: All models that can be pulled by name.
KNOWN: dict[str, KnownModel] = {
    model.name: model
    for model in [
        *(_deepspeech(version) for version in _DEEPSPEECH_VERSIONS),
        _coqui("large-vocab", "large_vocabulary.scorer", None),
        _coqui("huge-vocab", "huge-vocabulary.scorer", None),
    ]
}
