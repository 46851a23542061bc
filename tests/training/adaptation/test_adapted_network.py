from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed: pip install torch")

from streamer.training.adaptation.adapted_network import AdaptedNetwork  # noqa: E402
from streamer.training.adaptation.fitting import FitSettings, fit, probabilities  # noqa: E402
from streamer.training.adaptation.material import SpokenSentence  # noqa: E402
from tests.support.models.bundles import random_weights  # noqa: E402

DEVIATION = np.linspace(0.5, 2, 26).astype(np.float32)


def _clips() -> list[torch.Tensor]:
    torch.manual_seed(1)
    return [3 * torch.randn(n, 26) for n in (40, 25)]


def test_at_first_nothing_is_changed() -> None:
    weights = random_weights(32)
    folded = AdaptedNetwork(weights, DEVIATION).folded()
    for name, layer in weights.layers.items():
        np.testing.assert_allclose(folded.layers[name], layer, rtol=1e-6)


def test_a_change_folds_into_the_weights() -> None:
    network = AdaptedNetwork(random_weights(32), DEVIATION)
    plain = AdaptedNetwork(network.folded(), DEVIATION)
    torch.manual_seed(2)
    for parameter in network.parameters():
        if parameter.requires_grad:
            parameter.data += 0.3 * torch.randn_like(parameter)
    folded = AdaptedNetwork(network.folded(), DEVIATION)
    with torch.no_grad():
        for changed, same, before in zip(*(n(_clips()) for n in (network, folded, plain))):
            torch.testing.assert_close(changed, same, rtol=1e-4, atol=1e-4)
            assert float((changed - before).abs().max()) > 0.1


def test_clips_do_not_hear_each_other() -> None:
    network = AdaptedNetwork(random_weights(32), DEVIATION)
    both = _clips()
    with torch.no_grad():
        (together,) = network(both)
        (alone,) = network(both[1:])
    torch.testing.assert_close(together[40:], alone, rtol=1e-5, atol=1e-5)


def test_a_fitted_network_says_what_it_was_shown() -> None:
    weights = random_weights(32)
    clips = _clips()
    sentences = [SpokenSentence(clip, "abba", (1, 2, 2, 1), ()) for clip in clips]
    settings = FitSettings(steps=60, learning_rate=0.05, caution=0.0)
    adapted = fit(weights, sentences, settings, None, fast=False)
    unchanged = fit(weights, sentences, FitSettings(steps=0), None, fast=False)

    def loss(network: AdaptedNetwork) -> float:
        rows = torch.from_numpy(np.log(probabilities(network.folded(), clips[0])))
        return float(
            torch.nn.functional.ctc_loss(
                rows[:, None], torch.tensor([[1, 2, 2, 1]]), (len(rows),), (4,), rows.shape[1] - 1
            )
        )

    assert loss(adapted) < 0.3 * loss(unchanged)


def test_caution_keeps_a_network_near_the_one_it_was() -> None:
    weights = random_weights(32)
    clips = _clips()
    sentences = [SpokenSentence(clip, "abba", (1, 2, 2, 1), ()) for clip in clips]
    before = probabilities(weights, clips[0])

    def moved(caution: float) -> float:
        settings = FitSettings(steps=30, learning_rate=0.05, caution=caution)
        after = probabilities(fit(weights, sentences, settings, None, False).folded(), clips[0])
        return float(np.abs(after - before).mean())

    assert moved(100.0) < 0.5 * moved(0.0)
