"""Values that options can have."""

from __future__ import annotations

from enum import Enum


class DecoderKind(str, Enum):
    """Values of ``--decoder``: `streamer.decoding.KINDS`."""

    AUTO = "auto"
    BEAM = "beam"
    DS = "ds"
    GREEDY = "greedy"


class Latency(str, Enum):
    """Values of ``--latency``: `streamer.models.backends.LATENCIES`."""

    NORMAL = "normal"
    LOW = "low"


class ComputeUnits(str, Enum):
    """Values of ``--compute-units``: `streamer.acoustic.coreml_runtime.COMPUTE_UNITS`."""

    CPU_ONLY = "CPU_ONLY"
    CPU_AND_GPU = "CPU_AND_GPU"
    CPU_AND_NE = "CPU_AND_NE"
    ALL = "ALL"


class Format(str, Enum):
    """Values of ``--format``: `streamer.output.FORMATS`."""

    TEXT = "text"
    JSONL = "jsonl"
    SRT = "srt"
    VTT = "vtt"


class Copied(str, Enum):
    """Values of ``--clipboard``."""

    EACH = "each"
    ALL = "all"


class DateOrder(str, Enum):
    """Values of ``--date-style``: `streamer.text.numbers.DateStyle`."""

    DMY = "dmy"
    MDY = "mdy"


class Engine(str, Enum):
    """Values of ``--on``."""

    RAY = "ray"


class ThemeName(str, Enum):
    """Values of ``--theme``: `streamer.terminal.drawing.theme.THEMES`."""

    DARK = "dark"
    LIGHT = "light"
    NONE = "none"


def one_of(kind: type[Enum]) -> str:
    """Return the values of an option as the help shows them: ``text|jsonl|srt|vtt``."""
    return "|".join(str(each.value) for each in kind)
