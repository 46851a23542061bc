"""Old names that still work, with a warning; they are removed in version 0.3.

Modules that moved are found by an import hook, which is asked only when there is
no such module. Names that moved are found by the `__getattr__` of their old home.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType

#: Old and new path of each module that moved.
MODULES = {
    "streamer.acoustic.model": "streamer.acoustic.contract",
    "streamer.audio.microphone": "streamer.audio.sources.microphone",
    "streamer.audio.pacing": "streamer.audio.sources.paced",
    "streamer.audio.recording": "streamer.audio.sources.recording",
    "streamer.audio.standard_input": "streamer.audio.sources.standard_input",
    "streamer.decoding.beam": "streamer.decoding.search.beam",
    "streamer.decoding.language_model": "streamer.decoding.language.language_model",
    "streamer.decoding.n_grams": "streamer.decoding.language.n_grams",
    "streamer.decoding.recurrent_model": "streamer.decoding.language.recurrent_model",
    "streamer.decoding.spelling": "streamer.decoding.search.units",
    "streamer.decoding.tree": "streamer.decoding.search.prefix_tree",
    "streamer.loading": "streamer.engine.model_loader",
    "streamer.recogniser": "streamer.engine.recogniser",
    "streamer.timing": "streamer.engine.latency",
    "streamer.utterance": "streamer.engine.utterance",
}

#: Old home, old name, new home and new name of what left a module that still exists.
NAMES = {
    ("streamer", "Warning"): ("streamer", "Notice"),
    **{
        ("streamer.audio.sources", name): (f"streamer.audio.sources.{module}", name)
        for name, module in {
            "ArraySource": "array",
            "FrameStream": "source",
            "Source": "source",
            "as_frames": "array",
        }.items()
    },
    **{
        ("streamer.decoding.lexicon", name): ("streamer.decoding.lexicon.lexicon", name)
        for name in ("Lexicon", "read_lexicon", "write_lexicon")
    },
}


class _MovedModules:
    """Import hook: finds a module that moved, and loads it from its new path."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """See `importlib.abc.MetaPathFinder.find_spec`."""
        return ModuleSpec(name, self) if name in MODULES else None  # type: ignore[arg-type]

    def create_module(self, spec: ModuleSpec) -> None:
        """See `importlib.abc.Loader.create_module`."""

    def exec_module(self, module: ModuleType) -> None:
        """Put the module from the new path in place of this one."""
        old = module.__name__
        _warn(old, MODULES[old])  # frames of the import system do not count
        sys.modules[old] = importlib.import_module(MODULES[old])


def install() -> None:
    """Install the import hook, behind all others."""
    if not any(isinstance(finder, _MovedModules) for finder in sys.meta_path):
        sys.meta_path.append(_MovedModules())


def moved_names(home: str, stacklevel: int = 3) -> Callable[[str], object]:
    """Return a `__getattr__` for a module that names have left.

    Args:
        home: the module's ``__name__``.
        stacklevel: frames from the warning to the line that uses the name: here,
            the `__getattr__`, that line. More where another function calls it.
    """

    def find(name: str) -> object:
        if (home, name) not in NAMES:
            raise AttributeError(f"module {home!r} has no attribute {name!r}")
        module, new_name = NAMES[home, name]
        _warn(f"{home}.{name}", f"{module}.{new_name}", stacklevel)
        value: object = getattr(importlib.import_module(module), new_name)
        return value

    return find


def _warn(old: str, new: str, stacklevel: int = 3) -> None:
    import warnings

    warnings.warn(f"{old} is now {new}", DeprecationWarning, stacklevel)
