from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

pytest.importorskip("torch", reason="PyTorch is not installed: pip install torch")

import torch

from streamer.bundle import Bundle, read_bundle, write_bundle
from streamer.cli.app import run
from streamer.convert.writers.safetensors import write_safetensors
from streamer.decoding.lexicon.leaves import read_leaves, write_leaves
from streamer.decoding.lexicon.letter_to_sound import PHONEMES, LetterToSound
from streamer.decoding.lexicon.lexicon import Lexicon, write_lexicon
from streamer.errors import StreamerError
from streamer.models.backends import load_acoustic_model
from streamer.training.adaptation import adapt as module
from streamer.training.adaptation.adapt import Adaptation, Gain
from streamer.training.adaptation.fitting import FitSettings
from streamer.training.data.manifests import read_data_set
from streamer.training.optimisation import losses
from tests.support.audio.recordings import babble
from tests.support.leaves import random_leaves
from tests.support.models.bundles import make_tiny_bundle, random_weights
from tests.support.posteriors import letters_as_sounds


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    return make_tiny_bundle(tmp_path / "tiny")


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    return _manifest(tmp_path, 10)


def _manifest(folder: Path, count: int) -> Path:
    lines = ["path\ttranscript"]
    for number in range(count):
        samples = babble(1.0 + 0.1 * number)[:, 0] * np.float32(0.5)
        soundfile.write(folder / f"{number}.wav", samples, 16000)
        lines.append(f"{number}.wav\tto be or not")
    manifest = folder / "mine.tsv"
    manifest.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return manifest


def test_what_is_judged_was_not_learned_from(
    bundle: Bundle, manifest: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    adaptation = Adaptation(bundle, read_data_set(manifest), FitSettings(steps=1))
    learned: list[set[int]] = []
    judged: list[set[int]] = []
    fit = adaptation.fit
    monkeypatch.setattr(
        adaptation, "fit", lambda some: (learned.append({id(s) for s in some}), fit(some))[1]
    )
    judge = adaptation.judge

    def judging(network: object, sentences: list[object]) -> Gain:
        judged.append({id(sentence) for sentence in sentences})
        return judge(network, sentences)  # type: ignore[arg-type]

    monkeypatch.setattr(adaptation, "judge", judging)
    gain = adaptation.cross_validate()
    assert gain.words == 40
    assert len(learned) == module.FOLDS
    for shown, asked in zip(learned, judged):
        assert not shown & asked
    assert set.union(*judged) == {id(s) for s in adaptation.sentences}


def test_an_adapted_bundle_has_its_own_networks_and_the_same_language_model(
    bundle: Bundle, manifest: Path, tmp_path: Path
) -> None:
    adaptation = Adaptation(bundle, read_data_set(manifest), FitSettings(steps=3))
    gain = Gain(words=40, before=30, after=20, better=5, worse=1)
    written = adaptation.write(tmp_path / "mine", "mine", gain)
    assert written.measured["held_back_wer"] == 0.5
    assert bundle.scorer_path is not None and written.scorer_path is not None
    assert written.scorer_path.read_bytes() == bundle.scorer_path.read_bytes()
    windows = np.random.default_rng(0).normal(0, 5, (1, 16, 19, 26)).astype(np.float32)
    outputs = [
        load_acoustic_model(each, "onnx").infer(windows, 16, state)[0]
        for each in (bundle, read_bundle(tmp_path / "mine"))
        for state in [load_acoustic_model(each, "onnx").initial_state()]
    ]
    assert np.abs(outputs[0] - outputs[1]).max() > 1e-3


def _with_leaves(folder: Path) -> Bundle:
    """Return a tiny bundle whose phonemes are leaves."""
    bundle = make_tiny_bundle(folder)
    leaves = random_leaves(np.random.default_rng(0), len(PHONEMES), 4)
    write_leaves(leaves, folder / "leaves.txt")
    words = {word: [letters_as_sounds(word)] for word in ("to", "be", "or", "not")}
    write_lexicon(Lexicon(words, lambda: LetterToSound({})), folder / "tiny.lexicon.gz")
    n_phonemes = len(leaves) + 1
    weights = random_weights(n_labels=29 + n_phonemes, description={"n_phonemes": n_phonemes})
    write_safetensors(weights, folder / "tiny.safetensors")
    return write_bundle(
        replace(
            bundle, n_labels=weights.n_labels, n_phonemes=n_phonemes,
            networks={"numpy": folder / "tiny.safetensors"},
            lexicon_path=folder / "tiny.lexicon.gz", leaves_path=folder / "leaves.txt",
        )
    )  # fmt: skip


def test_a_model_with_leaves_learns_those_of_the_sentences_and_keeps_its_table(
    manifest: Path, tmp_path: Path
) -> None:
    bundle = _with_leaves(tmp_path / "leaves")
    assert bundle.leaves_path is not None
    clips = read_data_set(manifest)
    adaptation = Adaptation(bundle, clips, FitSettings(steps=8, caution=0.0))
    said = adaptation.sentences[-1]
    assert len(said.phonemes) == len("tobeornot")
    labels = torch.tensor(read_leaves(bundle.leaves_path).of(said.phonemes))
    n_frames, n_labels = torch.tensor([len(said.vectors)]), torch.tensor([len(labels)])
    costs = []
    for steps in (0, 8):
        adaptation.settings = replace(adaptation.settings, steps=steps)
        _, logits = adaptation.fit(adaptation.sentences)([said.vectors])
        costs.append(float(losses.ctc(logits.detach(), n_frames, labels, n_labels)))
    assert costs[1] < 0.9 * costs[0]
    written = adaptation.write(tmp_path / "mine", "mine", Gain())
    assert written.leaves_path is not None
    assert written.leaves_path.read_bytes() == bundle.leaves_path.read_bytes()
    assert (written.n_labels, written.n_phonemes) == (bundle.n_labels, bundle.n_phonemes)


def test_too_few_recordings_are_refused(bundle: Bundle, tmp_path: Path) -> None:
    with pytest.raises(StreamerError, match="too few"):
        Adaptation(bundle, read_data_set(_manifest(tmp_path, 5)))


@pytest.mark.parametrize(("after", "code"), [(31, 1), (30, 1), (29, 0)])
def test_the_command_keeps_only_what_helps(
    bundle: Bundle, manifest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str], after: int, code: int,
) -> None:  # fmt: skip
    gain = Gain(words=40, before=30, after=after, better=2, worse=1)
    monkeypatch.setattr(Adaptation, "cross_validate", lambda self, say: gain)
    mine = tmp_path / "mine"
    words = ["adapt", str(manifest), "-o", str(mine), "--model", str(bundle.folder)]
    assert run(words) == code
    out, err = capsys.readouterr()
    assert f"30 of 40 words wrong before, {after} after" in out
    assert mine.exists() == (code == 0)
    assert ("error: the adapted model is no better" in err) == (code == 1)


def test_force_writes_it_all_the_same(
    bundle: Bundle, manifest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gain = Gain(words=40, before=30, after=31, better=1, worse=2)
    monkeypatch.setattr(Adaptation, "cross_validate", lambda self, say: gain)
    mine = tmp_path / "mine"
    words = ["adapt", str(manifest), "-o", str(mine), "--model", str(bundle.folder), "--force"]
    assert run(words) == 0
    assert read_bundle(mine).name == "mine"
