"""The parts of a training: losses, optimiser, averages, the folding of the network."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed: pip install torch")

from streamer.training.network import number_formats  # noqa: E402
from streamer.training.network.folding import folded_layers  # noqa: E402
from streamer.training.network.initial_weights import widened  # noqa: E402
from streamer.training.network.training_network import (  # noqa: E402
    NetworkShape,
    TrainingNetwork,
)
from streamer.training.optimisation.averaging import WeightAverage  # noqa: E402
from streamer.training.optimisation.optimiser import Muon, Optimisers, orthogonalise  # noqa: E402


def test_bfloat16_only_where_the_processor_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(number_formats, "cpu_flags", lambda: ("avx2", "fma"))
    assert number_formats.matmul_dtype("cpu") is torch.float32
    monkeypatch.setattr(number_formats, "cpu_flags", lambda: ("avx2", "avx512_bf16"))
    assert number_formats.matmul_dtype("cpu") is torch.bfloat16
    assert number_formats.matmul_dtype("mps") is torch.float32


@pytest.mark.parametrize("size", [(3, 40, 40), (2, 24, 60), (2, 60, 24)])
def test_orthogonalise_brings_singular_values_near_one_and_keeps_vectors(size: object) -> None:
    torch.manual_seed(0)
    matrices = torch.randn(size)  # type: ignore[call-overload]
    result = orthogonalise(matrices)
    values = torch.linalg.svdvals(result)
    assert result.shape == matrices.shape
    # The smallest are left behind by five iterations; most are between 0.7 and 1.2.
    assert float(values.max()) < 1.4
    assert float(values.quantile(0.1)) > 0.6
    left, _, right = torch.linalg.svd(matrices, full_matrices=False)
    inner = (left.transpose(1, 2) @ result @ right.transpose(1, 2)).diagonal(dim1=1, dim2=2)
    assert float(inner.quantile(0.1)) > 0.6


@pytest.mark.slow
def test_muon_finds_the_least_squares_of_an_ill_conditioned_problem() -> None:
    torch.manual_seed(0)
    wanted = torch.randn(16, 16)
    inputs = torch.randn(256, 16) * torch.logspace(0, -2, 16)
    weights = torch.nn.Parameter(torch.zeros(16, 16))
    muon = Muon([(weights, 1)], lr=0.05)
    losses = []
    for step in range(300):
        loss = ((inputs @ (weights - wanted)) ** 2).mean()
        loss.backward()
        for group in muon.param_groups:
            group["lr"] = 0.05 * (1 - step / 300)
        muon.step()
        muon.zero_grad()
        losses.append(float(loss.detach()))
    assert losses[-1] < 1e-3 * losses[0]


def _network(**more: int) -> TrainingNetwork:
    torch.manual_seed(3)
    network = TrainingNetwork(NetworkShape(n_hidden=24, n_labels=7, **more))
    random = np.random.default_rng(0)
    network.set_normalisation(
        random.normal(0, 5, 26).astype(np.float32), random.uniform(1, 9, 26).astype(np.float32)
    )
    return network


def _vectors(n_clips: int, n_frames: int) -> torch.Tensor:
    padded = torch.zeros(n_clips, n_frames + 18, 26)
    padded[:, 9:-9] = torch.randn(n_clips, n_frames, 26) * 8
    return padded


def test_each_parameter_goes_to_one_optimiser() -> None:
    network = _network(n_phonemes=5, n_teacher=4)
    optimisers = Optimisers(network, network.matrices(), 0.02, 1e-3, 0.0)
    seen = [id(p) for o in optimisers._all for g in o.param_groups for p in g["params"]]
    assert sorted(seen) == sorted(id(p) for p in network.parameters())


def test_the_plain_network_says_the_same_as_the_trained_one() -> None:
    from streamer.acoustic.numpy_model import NumpyAcousticModel
    from streamer.acoustic.weights import Weights

    network = _network(n_phonemes=5)
    for _ in range(20):  # running statistics of the normalisation become something
        network(_vectors(4, 30), torch.full((4,), 30))
    network.eval()
    vectors = _vectors(1, 32)
    with torch.no_grad():
        outputs = network(vectors, torch.tensor([32]))
    heads = [outputs.letters, outputs.phonemes[1]]
    wanted = np.concatenate([head.softmax(-1).numpy() for head in heads], axis=1)
    model = NumpyAcousticModel(Weights(folded_layers(network), {"n_phonemes": 5}), 16)
    windows = np.lib.stride_tricks.sliding_window_view(vectors[0].numpy(), 19, axis=0)
    windows = windows.transpose(0, 2, 1).reshape(2, 1, 16, 19, 26)
    state = model.initial_state()
    heard = []
    for window in windows:
        probabilities, state = model.infer(np.ascontiguousarray(window), 16, state)
        heard.append(probabilities)
    np.testing.assert_allclose(np.concatenate(heard), wanted, atol=1e-5)


def test_a_widened_network_says_the_same() -> None:
    narrow = _network(n_phonemes=5)
    for _ in range(20):
        narrow(_vectors(4, 30), torch.full((4,), 30))
    wide = TrainingNetwork(NetworkShape(n_hidden=41, n_labels=7, n_phonemes=5))
    wide.load_state_dict(widened(narrow.state_dict(), 41, noise=0.0))
    vectors, n_frames = _vectors(2, 40), torch.tensor([40, 40])
    with torch.no_grad():
        before, after = (network.eval()(vectors, n_frames) for network in (narrow, wide))
    torch.testing.assert_close(after.letters, before.letters, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(after.phonemes, before.phonemes, atol=1e-4, rtol=1e-4)
    noisy = widened(narrow.state_dict(), 41)
    assert all(len(torch.unique(noisy[f"layer_{i}.weight"], dim=0)) == 41 for i in (1, 2, 3, 5))


def test_padding_of_a_batch_changes_nothing() -> None:
    network = _network().eval()
    long, short = _vectors(1, 40), _vectors(1, 15)
    both = torch.zeros(2, 58, 26)
    both[0], both[1, :33] = long[0], short[0]
    with torch.no_grad():
        together = network(both, torch.tensor([40, 15])).letters
        alone = network(short, torch.tensor([15])).letters
    torch.testing.assert_close(together[40:], alone, atol=1e-5, rtol=1e-5)


def test_the_average_of_weights_that_stand_still_is_those_weights() -> None:
    network = _network()
    average = WeightAverage(network, 0.9)
    for parameter in network.parameters():
        torch.nn.init.constant_(parameter, 0.5)
    for _ in range(200):
        average.update(network)
    for name, parameter in network.named_parameters():
        torch.testing.assert_close(average.state[name], parameter.detach(), atol=1e-4, rtol=0)
