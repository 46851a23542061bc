"""What is fitted to a trained model: the decoder's weights, the confidence of words."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

pytest.importorskip("torch", reason="PyTorch is not installed: pip install torch")

from streamer.bundle import load_bundle, write_bundle
from streamer.decoding.confidence import Calibration
from streamer.decoding.evidence import Evidence
from streamer.training import confidence
from streamer.training.data.manifests import Clip
from streamer.training.data.waveform import WaveformAugmentation
from streamer.training.evaluation.decoding import posteriors
from streamer.training.tune import halves
from tests.support.models.bundles import make_tiny_bundle


def test_no_speaker_is_both_tuned_on_and_left_out() -> None:
    clips = [Clip(Path(f"{n}.wav"), "words", f"s{n % 7}", "") for n in range(30)]
    tuning, left_out = halves(clips)
    assert sorted([*tuning, *left_out], key=clips.index) == clips
    speakers = [{clip.speaker for clip in part} for part in (tuning, left_out)]
    assert not speakers[0] & speakers[1]
    assert [len(some) for some in speakers] == [4, 3]
    assert halves(clips[:1]) == (clips[:1], [])


def test_a_changed_clip_is_changed_alike_each_time(tmp_path: Path) -> None:
    bundle = make_tiny_bundle(tmp_path / "mine")
    speech = (0.1 * np.sin(np.arange(16000) / 7)).astype(np.float32)
    soundfile.write(tmp_path / "a.wav", speech, 16000)
    clips = [Clip(tmp_path / "a.wav", "words", "s", "")] * 2
    change = WaveformAugmentation(16000)
    (plain, _), (one, two), (again, _), (other, _) = (
        [np.concatenate(each.windows) for each in posteriors(bundle, clips, change=how, seed=seed)]
        for how, seed in ((None, 0), (change, 1), (change, 1), (change, 2))
    )
    np.testing.assert_array_equal(one, again)
    assert not np.array_equal(one, plain)
    assert not np.array_equal(one, two)
    assert not np.array_equal(one, other)


def test_the_fitted_confidence_goes_into_the_bundle_and_tells_right_from_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle = make_tiny_bundle(tmp_path / "mine")
    write_bundle(bundle)
    rng = np.random.default_rng(1)
    right = (rng.random(800) < 0.7).astype(float)
    # A right word has most of the candidates' probability.
    share = np.clip(0.3 + 0.5 * right + 0.1 * rng.normal(size=800), 0.01, 1)
    evidence = np.tile(np.array(Evidence(-0.1, 1, 0, 0, 0, -2, 5, 20, 0, 20), float), (800, 1))
    evidence[:, Evidence._fields.index("share")] = share
    heard = tmp_path / "heard"
    heard.mkdir()
    np.savez(
        heard / "dev.npz", evidence=evidence, right=right, lengths=[20] * 40,
        speakers=[f"s{n % 10}" for n in range(40)],
    )  # fmt: skip
    words = [str(tmp_path / "dev.tsv"), "--model", str(bundle.folder), "--cache", str(heard)]
    assert confidence.main([*words, "--write"]) == 0
    assert "area under ROC 0.9" in capsys.readouterr().out
    written = load_bundle(bundle.folder).decoding
    assert {k: v for k, v in written.items() if k != "confidence"} == dict(bundle.decoding)
    fit = written["confidence"]
    calibration = Calibration(tuple(fit["weights"].values()), fit["bias"], fit["doubtful"])
    good, bad = (Evidence(*evidence[right == flag][0]) for flag in (1, 0))
    likely = calibration.probabilities([good, bad])
    assert likely[0] > 0.9 and likely[1] < fit["doubtful"]
