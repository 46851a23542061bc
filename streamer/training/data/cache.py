"""Feature cache: recordings decoded and turned into coefficients once, in flat files.

A cache is a folder with ``audio.i16`` (samples), ``features.f32`` (coefficients of the engine's
own front end and framer), ``clips.json`` and optionally ``teacher.u8`` (see
`streamer.training.data.distillation`). The files are memory-mapped.
"""

from __future__ import annotations

import json
import multiprocessing
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Callable, Optional, cast

import numpy as np
import numpy.typing as npt
import soundfile
import soxr

from streamer.arrays import FloatArray
from streamer.errors import AudioError, StreamerError
from streamer.features import Framer, create_front_end
from streamer.training.data.manifests import Clip
from streamer.untrusted.regular_files import require_regular

#: The teacher's indices for each frame, see `streamer.training.data.codebooks`.
TEACHER = "teacher.u8"
#: Steps in a window of the framer; any number gives the same vectors.
_STEPS = 64


@dataclass(frozen=True)
class Entry:
    """Position of a clip in the flat files.

    Attributes:
        path: path of the recording.
        transcript: see `Clip`.
        speaker: see `Clip`.
        corpus: see `Clip`.
        first_sample: position in ``audio.i16``.
        n_samples: number of samples.
        first_frame: position in ``features.f32`` and ``teacher.u8``.
        n_frames: number of frames.
    """

    path: str
    transcript: str
    speaker: str
    corpus: str
    first_sample: int
    n_samples: int
    first_frame: int
    n_frames: int


def read_audio(path: Path, rate_hz: int) -> FloatArray:
    """Return a whole recording, float32 (n,), mono, at ``rate_hz``.

    Raises:
        AudioError: it cannot be read.
    """
    try:
        require_regular(path)  # libsndfile would wait for a pipe
        samples, rate = soundfile.read(str(path), dtype="float32", always_2d=True)
    except (soundfile.LibsndfileError, OSError, RuntimeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise AudioError(
            f"{path}: {reason}", "check or remove that line of the manifest"
        ) from error
    mono = samples.mean(axis=1)
    if rate != rate_hz:
        mono = soxr.resample(mono, rate, rate_hz)
    return cast(FloatArray, mono.astype(np.float32))


def clip_features(samples: FloatArray, front_end: Mapping[str, Any]) -> FloatArray:
    """Return the vectors of a recording without padding, float32 (n_frames, n_coefficients).

    They are those of the engine's framer, including its last, zero-filled window.
    """
    framer = Framer(create_front_end(front_end), _STEPS, 0)
    windows = framer.feed(samples) + framer.finish()
    return np.concatenate([window.features[0, : window.n, 0] for window in windows])


#: Augments samples before their features are computed.
Change = Callable[[FloatArray, "np.random.Generator"], FloatArray]
_Task = tuple[Clip, dict[str, Any], Optional[Change], int]
_Done = tuple[npt.NDArray[np.int16], FloatArray]


def _work(task: _Task) -> _Done:
    clip, front_end, change, seed = task
    samples = read_audio(clip.path, int(front_end["sample_rate_hz"]))
    if change is not None:
        samples = change(samples, np.random.default_rng(seed))
    pcm = np.clip(np.rint(samples * 32768.0), -32768, 32767).astype(np.int16)
    return pcm, clip_features(pcm.astype(np.float32) / np.float32(32768), front_end)


def build_cache(
    clips: Sequence[Clip],
    where: Path,
    front_end: Mapping[str, Any],
    processes: int = 2,
    change: Change | None = None,
    seed: int = 0,
    progress: Callable[[Iterable[_Done], int], Iterable[_Done]] = lambda items, total: items,
) -> Cache:
    """Decode clips, compute their features and write a cache.

    Args:
        clips: the clips.
        where: its folder; created if missing.
        front_end: the ``front_end`` entry of ``model.json``.
        processes: number of processes.
        change: augments the samples of each clip first.
        seed: random seed of the augmentation; clip i has ``seed + i``.
        progress: wraps the iteration to show its progress.

    Raises:
        AudioError: a recording cannot be read.
    """
    where.mkdir(parents=True, exist_ok=True)
    description = dict(front_end)
    tasks: list[_Task] = [(clip, description, change, seed + i) for i, clip in enumerate(clips)]
    entries: list[Entry] = []
    sample = frame = 0
    with (
        (where / "audio.i16").open("wb") as audio,
        (where / "features.f32").open("wb") as features,
        multiprocessing.get_context("spawn").Pool(processes) as pool,
    ):
        done = pool.imap(_work, tasks, chunksize=16)
        for clip, (pcm, vectors) in zip(clips, progress(done, len(tasks))):
            audio.write(pcm.tobytes())
            features.write(vectors.tobytes())
            entries.append(
                Entry(
                    str(clip.path), clip.transcript, clip.speaker, clip.corpus,
                    sample, len(pcm), frame, len(vectors),
                )
            )  # fmt: skip
            sample += len(pcm)
            frame += len(vectors)
    index = {"front_end": description, "clips": [asdict(entry) for entry in entries]}
    (where / "clips.json").write_text(json.dumps(index), encoding="utf-8")
    return Cache(where)


class Cache:
    """A memory-mapped cache.

    Args:
        where: its folder.

    Raises:
        StreamerError: it is missing or incomplete.
    """

    def __init__(self, where: Path) -> None:
        self.where = where
        try:
            index = json.loads((where / "clips.json").read_text(encoding="utf-8"))
            self.front_end: dict[str, Any] = index["front_end"]
            self.entries = [Entry(**entry) for entry in index["clips"]]
            # Unpacked features come without the speech, and an empty file cannot be mapped.
            with_audio = (where / "audio.i16").stat().st_size > 0
            self.audio: npt.NDArray[np.int16] = (
                np.memmap(where / "audio.i16", np.int16, "r") if with_audio else np.zeros(0, "i2")
            )
            size = int(self.front_end["n_coefficients"])
            self.features = np.memmap(where / "features.f32", np.float32, "r").reshape(-1, size)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise StreamerError(
                f"{where}: not a complete cache of features ({error})",
                "remove the folder; the next run creates it again",
            ) from error
        self.teacher: npt.NDArray[np.uint8] | None = None
        teacher = where / TEACHER
        if teacher.is_file():
            self.teacher = np.memmap(teacher, np.uint8, "r").reshape(len(self.features), -1)

    def vectors(self, entry: Entry) -> FloatArray:
        """Return the coefficients of a clip, float32 (n_frames, n_coefficients)."""
        first = entry.first_frame
        return self.features[first : first + entry.n_frames]

    def samples(self, entry: Entry) -> FloatArray:
        """Return the samples of a clip, float32 (n_samples,); full scale is 1."""
        first = entry.first_sample
        pcm = self.audio[first : first + entry.n_samples]
        return cast(FloatArray, pcm.astype(np.float32) / np.float32(32768))
