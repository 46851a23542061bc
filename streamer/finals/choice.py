"""Values of ``--finals``: which engine, and which weights."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from streamer.bundle import load_bundle
from streamer.errors import UsageError

if TYPE_CHECKING:
    from streamer.finals.engine import FinalsEngine

WHISPER, MOONSHINE, BUNDLE = "whisper", "moonshine", "bundle"

#: Module and distribution of the engines that are installed separately.
_PACKAGES = {
    WHISPER: ("faster_whisper", "faster-whisper"),
    MOONSHINE: ("moonshine_voice", "moonshine-voice"),
}
#: The weights where none are named. Whisper's base.en keeps within `--finals-timeout` on a
#: laptop's processor; Moonshine's tiny-en comes with its package.
_DEFAULT_WEIGHTS = {WHISPER: "base.en", MOONSHINE: "tiny-en"}


@dataclass(frozen=True)
class FinalsChoice:
    """An engine and its weights.

    Attributes:
        kind: ``bundle``, ``whisper`` or ``moonshine``.
        weights: name of a model, or a folder.
        words: words to expect.
    """

    kind: str
    weights: str
    words: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """What a final says about its engine: ``whisper:base.en``, ``deepspeech-0.9.3``."""
        weights = Path(self.weights).name if os.path.isdir(self.weights) else self.weights
        return weights if self.kind == BUNDLE else f"{self.kind}:{weights}"

    def as_dict(self) -> dict[str, Any]:
        """Return the fields, for another process."""
        return asdict(self)

    def create(self) -> FinalsEngine:
        """Return the engine, not loaded yet.

        Raises:
            ImportError: its package is not installed.
        """
        if self.kind == WHISPER:
            from streamer.finals.engines.whisper import WhisperEngine

            return WhisperEngine(self.weights, self.words)
        if self.kind == MOONSHINE:
            from streamer.finals.engines.moonshine import MoonshineEngine

            return MoonshineEngine(self.weights)
        from streamer.finals.engines.bundle import BundleEngine

        return BundleEngine(self.weights, self.words)


def parse_choice(value: str, words: Sequence[str] = ()) -> FinalsChoice:
    """Read a value of ``--finals`` and check that the engine is installed.

    Args:
        value: ``whisper[:MODEL|FOLDER]``, ``moonshine[:MODEL|FOLDER]``, or the name or
            folder of a bundle.
        words: words to expect.

    Raises:
        UsageError: the engine is not installed, or its folder does not exist.
        ModelError: there is no such bundle.
    """
    kind, colon, weights = value.partition(":")
    if kind not in _PACKAGES:
        load_bundle(value)
        return FinalsChoice(BUNDLE, value, tuple(words))
    if colon and not weights:
        raise UsageError(f"--finals {value} names no model", f"give {kind}, or {kind}:FOLDER")
    module, package = _PACKAGES[kind]
    if importlib.util.find_spec(module) is None:
        raise UsageError(
            f"--finals {kind} needs the package {package}", f"install it: pip install {package}"
        )
    weights = os.path.expanduser(weights) or _DEFAULT_WEIGHTS[kind]
    if os.sep in weights and not os.path.isdir(weights):
        raise UsageError(f"--finals: there is no folder {weights}", "give a folder with weights")
    return FinalsChoice(kind, weights, tuple(words))
