"""A training starts from a checkpoint or a bundle as the network that it is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

torch = pytest.importorskip("torch", reason="PyTorch is not installed: pip install torch")

from streamer.acoustic.weights import Weights  # noqa: E402
from streamer.arrays import FloatArray  # noqa: E402
from streamer.bundle import load_bundle  # noqa: E402
from streamer.errors import StreamerError  # noqa: E402
from streamer.features import Framer  # noqa: E402
from streamer.models.backends import load_acoustic_model  # noqa: E402
from streamer.training.data.cache import clip_features  # noqa: E402
from streamer.training.network.folding import (  # noqa: E402
    folded_layers,
    folded_shape,
    unfolded_state,
)
from streamer.training.network.initial_weights import (  # noqa: E402
    InitialWeights,
    load_weights,
    match_statistics,
    read_initial_weights,
    with_leaves,
)
from streamer.training.network.training_network import (  # noqa: E402
    NetworkShape,
    TrainingNetwork,
)
from tests.support.leaves import random_leaves  # noqa: E402
from tests.support.paths import ROOT  # noqa: E402

SHAPE = NetworkShape(n_hidden=24, n_labels=7, n_phonemes=5)
SAMPLE = ROOT / "assets" / "english" / "sample.flac"


def _vectors(n_clips: int = 6, n_frames: int = 40) -> torch.Tensor:
    padded = torch.zeros(n_clips, n_frames + 18, 26)
    padded[:, 9:-9] = torch.randn(n_clips, n_frames, 26) * 8 + 3
    return padded


def _trained() -> TrainingNetwork:
    torch.manual_seed(3)
    network = TrainingNetwork(SHAPE)
    rng = np.random.default_rng(0)
    network.set_normalisation(
        rng.normal(0, 5, 26).astype(np.float32), rng.uniform(1, 9, 26).astype(np.float32)
    )
    for _ in range(20):  # so that the running statistics are not the initial ones
        network(_vectors(), torch.full((6,), 40))
    return network


def _started(weights: Weights) -> TrainingNetwork:
    network = TrainingNetwork(folded_shape(weights))
    initial = InitialWeights(folded_shape(weights), unfolded_state(weights), {}, folded=True)
    load_weights(network, initial)
    return network


def _statistics(vectors: torch.Tensor) -> tuple[FloatArray, FloatArray]:
    rows = vectors[:, 9:-9].reshape(-1, 26).numpy()
    return rows.mean(axis=0), rows.std(axis=0)


def test_an_unfolded_network_is_the_folded_one_before_and_after_its_statistics_are_matched() -> (
    None
):
    trained = _trained().eval()
    network = _started(Weights(folded_layers(trained), {"n_phonemes": 5})).eval()
    vectors, n_frames = _vectors(), torch.full((6,), 40)
    with torch.no_grad():
        wanted = trained(vectors, n_frames)
        for _ in range(2):
            found = network(vectors, n_frames)
            for one, other in (
                (found.letters, wanted.letters), (found.phonemes[1], wanted.phonemes[1]),
            ):  # fmt: skip
                torch.testing.assert_close(one.softmax(-1), other.softmax(-1), atol=1e-4, rtol=0)
            match_statistics(network, *_statistics(vectors), [(vectors, n_frames)])
    again = folded_layers(network)
    for name, layer in folded_layers(trained).items():
        np.testing.assert_allclose(again[name], layer, atol=2e-3, rtol=1e-3)


def test_matched_statistics_make_training_mode_the_same_network() -> None:
    network = _started(Weights(folded_layers(_trained()), {"n_phonemes": 5}))
    vectors, n_frames = _vectors(), torch.full((6,), 40)
    network.eval()
    with torch.no_grad():
        wanted = network(vectors, n_frames).letters.softmax(-1)
        unmatched = network.train()(vectors, n_frames).letters.softmax(-1)
    network = _started(Weights(folded_layers(_trained()), {"n_phonemes": 5}))
    match_statistics(network, *_statistics(vectors), [(vectors, n_frames)])
    with torch.no_grad():
        matched = network.train()(vectors, n_frames).letters.softmax(-1)
    assert float((matched - wanted).abs().max()) < 1e-3
    assert float((unmatched - wanted).abs().max()) > 0.05


def test_leaves_of_a_phoneme_begin_with_its_probability_and_others_keep_theirs() -> None:
    trained = _trained().eval()
    random = np.random.default_rng(7)
    leaves = random_leaves(random, 4, 3)
    shares = random.dirichlet(np.ones(len(leaves)))
    shares /= np.bincount(leaves.phonemes, shares)[leaves.phonemes]
    initial = with_leaves(InitialWeights(SHAPE, trained.state_dict(), {}), leaves, shares)
    network = TrainingNetwork(initial.shape).eval()
    load_weights(network, initial)
    found_leaves = network.leaves
    assert found_leaves is not None
    np.testing.assert_array_equal(found_leaves.table, leaves.table)
    vectors, n_frames = _vectors(), torch.full((6,), 40)
    with torch.no_grad():
        wanted, found = (each(vectors, n_frames) for each in (trained, network))
    torch.testing.assert_close(found.letters, wanted.letters)
    torch.testing.assert_close(found.phonemes[0], wanted.phonemes[0])
    probabilities = found.phonemes[1].softmax(-1)
    of_labels = torch.from_numpy(np.append(leaves.phonemes, 4))
    summed = torch.zeros_like(wanted.phonemes[1]).index_add(1, of_labels, probabilities)
    torch.testing.assert_close(summed, wanted.phonemes[1].softmax(-1), atol=1e-6, rtol=1e-5)
    first = leaves.first[0]
    ratio = probabilities[:, first] / summed[:, 0]
    torch.testing.assert_close(ratio, torch.full_like(ratio, shares[first]), atol=1e-5, rtol=1e-4)


def test_a_wider_network_has_the_same_leaves() -> None:
    leaves = random_leaves(np.random.default_rng(2), 4, 3)
    start = InitialWeights(SHAPE, _trained().state_dict(), {})
    initial = with_leaves(start, leaves, np.ones(len(leaves)))
    wide = TrainingNetwork(replace(initial.shape, n_hidden=32))
    load_weights(wide, initial)
    found = wide.leaves
    assert found is not None
    np.testing.assert_array_equal(found.table, leaves.table)


def test_the_bundled_model_starts_with_its_own_probabilities() -> None:
    bundle = load_bundle("english")
    initial = read_initial_weights("english")
    assert initial.folded and initial.shape.n_hidden == bundle.n_hidden
    assert initial.front_end == dict(bundle.front_end_description)
    network = TrainingNetwork(initial.shape)
    load_weights(network, initial)
    samples, _ = soundfile.read(str(SAMPLE), dtype="float32")
    features = clip_features(samples[: 16000 * 4], bundle.front_end_description)
    vectors = torch.from_numpy(np.pad(features, ((9, 9), (0, 0))))[None]
    n_frames = torch.tensor([len(features)])
    deviation = np.maximum(features.std(axis=0), 1e-3)
    match_statistics(network, features.mean(axis=0), deviation, [(vectors, n_frames)])
    network.eval()
    with torch.no_grad():
        outputs = network(vectors, n_frames)
    heads = [outputs.letters, outputs.phonemes[1]]
    found = np.concatenate([head.softmax(-1).numpy() for head in heads], axis=1)
    model = load_acoustic_model(bundle, "onnx")
    framer = Framer(bundle.front_end(), bundle.n_steps, bundle.n_context)
    state, wanted = model.initial_state(), []
    for window in framer.feed(samples[: 16000 * 4]) + framer.finish():
        probabilities, state = model.infer(window.features, window.n, state)
        wanted.append(np.array(probabilities))
    np.testing.assert_allclose(found, np.concatenate(wanted), atol=1e-4)


def test_the_checkpoint_of_the_bundled_model_still_loads() -> None:
    initial = read_initial_weights(ROOT / "checkpoints" / "english.pt")
    assert not initial.folded
    network = TrainingNetwork(initial.shape)
    load_weights(network, initial)
    torch.testing.assert_close(network.layer_2.weight.detach(), initial.state["layer_2.weight"])


def test_a_wider_network_may_start_from_a_folded_one() -> None:
    trained = _trained().eval()
    weights = Weights(folded_layers(trained), {"n_phonemes": 5})
    wide = TrainingNetwork(NetworkShape(n_hidden=32, n_labels=7, n_phonemes=5))
    load_weights(wide, InitialWeights(folded_shape(weights), unfolded_state(weights), {}, True))
    vectors, n_frames = _vectors(), torch.full((6,), 40)
    with torch.no_grad():
        wanted, found = (each.eval()(vectors, n_frames).letters for each in (trained, wide))
    # Up to the noise that separates the copies.
    assert float((found.softmax(-1) - wanted.softmax(-1)).abs().mean()) < 0.02


@pytest.mark.parametrize("name", ["missing.pt", "no-such-model", "folder"])
def test_what_cannot_be_started_from_is_an_error(name: str, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    source = name if name == "no-such-model" else tmp_path / name
    with pytest.raises(StreamerError):
        read_initial_weights(source)
