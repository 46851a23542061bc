"""Clips sound otherwise each time they are learned, and the same after an interruption."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

torch = pytest.importorskip("torch", reason="PyTorch is not installed: pip install torch")

from streamer.errors import StreamerError  # noqa: E402
from streamer.features import PythonSpeechFeaturesFrontEnd  # noqa: E402
from streamer.training.data.augmentation import (  # noqa: E402
    AugmentationSettings,
    FeatureAugmentation,
)
from streamer.training.data.batches import DataSet  # noqa: E402
from streamer.training.data.multi_condition import MultiCondition  # noqa: E402
from streamer.training.data.waveform import WaveformAugmentation, WaveformSettings  # noqa: E402
from streamer.training.log import Log  # noqa: E402
from streamer.training.network.checkpoint import read_checkpoint  # noqa: E402
from streamer.training.optimisation.trainer import Trainer  # noqa: E402
from streamer.training.preparation import prepare  # noqa: E402
from streamer.training.settings import Recipe, TrainingSettings  # noqa: E402

RATE_HZ = 16000
FRONT_END = PythonSpeechFeaturesFrontEnd().describe()
TEXTS = ["a", "b a", "ab ba", "ba b a", "aab", "b b b"] * 3


@pytest.fixture(autouse=True, scope="module")
def _fast() -> Iterator[None]:
    """One thread, and no denormal numbers, as in the command: many times faster here."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    yield
    torch.set_flush_denormal(False)
    torch.set_num_threads(threads)


class Quiet(Log):
    def say(self, line: str) -> None:
        pass


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tones")
    random = np.random.default_rng(0)
    lines = ["path\ttranscript"]
    for number, text in enumerate(TEXTS):
        t = np.arange(2400) / RATE_HZ
        hz = {"a": 500.0, "b": 1600.0, " ": 0.0}
        tones = [0.3 * np.sin(2 * np.pi * hz[letter] * t) * np.hanning(len(t)) for letter in text]
        samples = np.concatenate(tones) + random.normal(0, 0.002, len(t) * len(text))
        soundfile.write(folder / f"{number}.wav", samples, RATE_HZ)
        lines.append(f"{number}.wav\t{text}")
    (folder / "train.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder / "train.tsv"


@pytest.fixture(scope="module")
def caches(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("caches")


def _recipe(manifest: Path, caches: Path, folder: Path, **changes: Any) -> Recipe:
    settings = TrainingSettings(
        n_hidden=16, epochs=1, batch_s=1.5, first_batch_s=1.5, warm_up_steps=1, ramp_steps=1,
        bf16=False,
    )  # fmt: skip
    return Recipe(
        [manifest], [], folder, settings, phonemes=False, processes=1, caches=caches, **changes
    )


@pytest.fixture(scope="module")
def data(manifest: Path, caches: Path) -> DataSet:
    recipe = _recipe(manifest, caches, caches, multi_condition=1.0)
    return prepare(recipe, Quiet())[0]


def test_without_strength_a_batch_is_the_cache(data: DataSet) -> None:
    batch = data.batch(data.examples[:3])
    for row, example in zip(batch.vectors, data.examples):
        plain = data.caches[0].vectors(example.entry)
        np.testing.assert_array_equal(row[9 : 9 + len(plain)], plain)


def test_every_batch_is_new_and_the_same_seed_makes_it_again(data: DataSet) -> None:
    clips = data.examples[:3]
    first, again, later = (
        data.batch(clips, seed=(1, epoch), conditions=1.0).vectors for epoch in (0, 0, 1)
    )
    assert torch.equal(first, again)
    assert first.shape != later.shape or not torch.equal(first, later)
    assert torch.isfinite(later).all()


def test_a_share_of_the_clips_stays_clean(data: DataSet) -> None:
    change = MultiCondition(FRONT_END, WaveformAugmentation(RATE_HZ), 0.7)
    random = np.random.default_rng(0)
    for strength, wanted in ((1.0, 0.7), (0.5, 0.35), (0.0, 0.0)):
        drawn = [change.chosen(strength, random) for _ in range(4000)]
        assert np.mean(drawn) == pytest.approx(wanted, abs=0.03)


def test_positions_follow_the_speed(data: DataSet) -> None:
    only_speed = WaveformSettings(
        speed=1, speed_factor=(1.2, 1.2), room=0, noise=0, clipping=0, band=0, codec=0, eight_bits=0
    )
    change = MultiCondition(FRONT_END, WaveformAugmentation(RATE_HZ, only_speed), 1.0)
    samples = np.random.default_rng(0).normal(0, 0.1, 48000).astype(np.float32)
    vectors, position = change(samples, 150, 1.0, np.random.default_rng(0))
    assert len(vectors) == len(position) == pytest.approx(125, abs=1)
    assert (position[0], position[-1]) == (0, 149)


def test_a_clip_that_would_become_too_short_stays_as_it_was(data: DataSet) -> None:
    fast = WaveformSettings(speed=1, speed_factor=(30.0, 30.0))
    kept = data.multi_condition
    data.multi_condition = MultiCondition(FRONT_END, WaveformAugmentation(RATE_HZ, fast), 1.0)
    try:
        batch = data.batch([data.examples[3]], conditions=1.0)
    finally:
        data.multi_condition = kept
    plain = data.caches[0].vectors(data.examples[3].entry)
    np.testing.assert_array_equal(batch.vectors[0, 9:-9], plain)


def test_noise_in_the_place_of_a_clip_has_nothing_to_recognise(
    manifest: Path, caches: Path
) -> None:
    recipe = _recipe(manifest, caches, caches, multi_condition=0.5, no_speech=0.4)
    data = prepare(recipe, Quiet())[0]
    clips = data.examples * 30
    batch = data.batch(clips, seed=(1, 0), conditions=1.0, views=2)
    assert float(batch.no_speech.float().mean()) == pytest.approx(0.4, abs=0.05)
    half = len(clips)
    assert torch.equal(batch.no_speech[:half], batch.no_speech[half:])
    assert torch.equal(batch.n_letters == 0, batch.no_speech)
    assert int(batch.n_letters.sum()) == len(batch.letters)
    noise = next(n for n in range(half) if batch.no_speech[n])
    plain = data.caches[0].vectors(clips[noise].entry)
    assert int(batch.n_frames[noise]) == pytest.approx(len(plain), rel=0.3)  # at another speed
    assert batch.vectors[noise].abs().max() > 1
    # At the beginning, while the clips are still clean, there is none.
    assert not data.batch(clips, seed=(1, 0)).no_speech.any()


def test_changed_sound_gets_no_second_tempo_noise_or_tail() -> None:
    augmentation = FeatureAugmentation(FRONT_END, AugmentationSettings())
    light = augmentation.light
    assert light is augmentation.light
    assert (light.settings.stretch, light.settings.noise, light.settings.reverberation) == (0, 0, 0)
    assert light.settings.warp == augmentation.settings.warp
    assert light.settings.time_masks == augmentation.settings.time_masks


def _run(recipe: Recipe, stop_after_steps: int = 0) -> dict[str, Any]:
    """Train from the first step at full strength and return the checkpoint."""
    trainer = Trainer(recipe.settings, prepare(recipe, Quiet())[0], None, recipe.folder, str)
    checkpoint = recipe.folder / "last.pt"
    if checkpoint.is_file():
        trainer.resume(checkpoint)
    else:
        trainer.progress.clean_step = 0
    trainer.run(stop_after_steps=stop_after_steps)
    return read_checkpoint(checkpoint)


def test_resuming_is_the_same_as_never_having_stopped(
    manifest: Path, caches: Path, tmp_path: Path
) -> None:
    through = _run(_recipe(manifest, caches, tmp_path / "through", multi_condition=0.8))
    recipe = _recipe(manifest, caches, tmp_path / "stopped", multi_condition=0.8)
    assert _run(recipe, stop_after_steps=3)["progress"]["step"] == 3
    resumed = _run(recipe)
    assert resumed["progress"]["step"] == through["progress"]["step"] > 4
    for name, value in through["average"].items():
        torch.testing.assert_close(resumed["average"][name], value, rtol=0, atol=0)
    plain = _run(_recipe(manifest, caches, tmp_path / "plain"))
    different = [not torch.equal(v, plain["average"][n]) for n, v in through["average"].items()]
    assert any(different)


def test_features_without_speech_cannot_change_it(
    manifest: Path, caches: Path, tmp_path: Path
) -> None:
    prepare(_recipe(manifest, tmp_path, tmp_path), Quiet())
    (tmp_path / "train" / "audio.i16").write_bytes(b"")
    prepare(_recipe(manifest, tmp_path, tmp_path), Quiet())
    with pytest.raises(StreamerError, match="packed without the speech"):
        prepare(_recipe(manifest, tmp_path, tmp_path, multi_condition=0.5), Quiet())
