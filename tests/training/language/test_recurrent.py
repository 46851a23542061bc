"""Training the recurrent language model: its gradients, and that it learns."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed: the training needs it")

from streamer.bundle import load_bundle  # noqa: E402
from streamer.cli.app import run  # noqa: E402
from streamer.decoding.language.recurrent_model import (  # noqa: E402
    read_recurrent_model,
    write_recurrent_model,
)
from streamer.errors import UsageError  # noqa: E402
from streamer.training.language.recurrent_network import WordNetwork  # noqa: E402
from streamer.training.language.recurrent_training import perplexity, train  # noqa: E402
from streamer.training.language.sampled_softmax import (  # noqa: E402
    Sample,
    Sampler,
    sampled_softmax,
)
from streamer.training.language.settings import RecurrentSettings  # noqa: E402

SMALL = RecurrentSettings(
    n_hidden=16, embedding_size=8, batch_size=8, bptt_steps=8, minutes=0.5, lr=0.02, n_frequent=4,
    n_sampled=8,
)  # fmt: skip


class _Ticks:
    """A clock that goes on by 0.1 s at each reading: a training of a fixed number of steps."""

    def __init__(self) -> None:
        self._readings = 0

    def __call__(self) -> float:
        self._readings += 1
        return self._readings * 0.1


def test_gradients_are_those_of_the_formula() -> None:
    torch.manual_seed(0)
    queries = torch.randn(7, 8).bfloat16().float().requires_grad_()
    table = torch.randn(10, 8).bfloat16().float().requires_grad_()
    bias = torch.randn(10, requires_grad=True)
    words = torch.tensor([0, 1, 2, 5, 9, 9, 3])
    sample = Sample(
        torch.arange(10), torch.tensor([0, 1, 2, 5, 7]), torch.tensor([0.0, 0, 0, 0.4, -0.3])
    )
    found = sampled_softmax(queries.detach(), words, table.detach(), bias.detach(), sample, 0.05)
    own = (queries * table[words]).sum(1) + bias[words]
    others = queries @ table[sample.negatives].T + bias[sample.negatives] - sample.log_expected
    # The right word counts once, as itself.
    others = others.masked_fill(words[:, None] == sample.negatives, -1e9)
    total = torch.logaddexp(torch.logsumexp(others, 1), own)
    loss = (total - own).mean()
    (loss + 0.05 * (total**2).mean()).backward()
    assert found.loss == pytest.approx(loss.item(), rel=1e-3)
    for got, expected in (
        (found.queries, queries.grad), (found.table, table.grad), (found.bias, bias.grad),
    ):  # fmt: skip
        torch.testing.assert_close(got, expected, atol=4e-3, rtol=2e-2)


def test_a_sample_stands_for_all_words() -> None:
    counts = np.array([50.0, 40, 5, 4, 3, 2, 2, 1])
    settings = RecurrentSettings(n_frequent=2, n_sampled=6)
    torch.manual_seed(1)
    sampler = Sampler(counts, settings)
    worth = torch.randn(8)
    sums = []
    for _ in range(4000):
        sample, places = sampler.draw(torch.tensor([3, 0]))
        assert sample.entries[places].tolist() == [3, 0]
        sums.append(torch.exp(worth[sample.entries[sample.negatives]] - sample.log_expected).sum())
    assert float(torch.stack(sums).mean()) == pytest.approx(float(worth.exp().sum()), rel=0.03)


def test_the_file_says_what_the_network_says(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = WordNetwork(7, SMALL)
    words = ["a", "b", "c", "d", "e"]
    write_recurrent_model(tmp_path / "x", words, network.tensors())
    model = read_recurrent_model(tmp_path / "x")
    text = torch.tensor([6, 0, 3, 4])
    queries, _ = network(network.table[text][:, None])
    memory = model.initial_states()
    for row, word in enumerate(text[1:].tolist()):
        model.advance(memory, np.array([row]), np.array([word]))
    np.testing.assert_allclose(memory.query[:4], queries[:, 0].detach().numpy(), atol=0.02)


def test_it_learns_what_follows_what_and_goes_on_from_there(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    words = sorted({"one", "two", "three", "four", "five", "six", "seven", "eight"})
    order = ["one", "two", "three", "four", "five", "six", "seven", "eight"]
    lines = []
    for _ in range(400):
        start = int(random.integers(8))
        lines.append(" ".join(order[(start + k) % 8] for k in range(5)))
    text = tmp_path / "text.txt"
    text.write_text("\n".join(lines) + "\n", encoding="utf-8")
    said: list[str] = []
    dev = ["three four five six seven", "eight one two three four"]
    first = train(
        [(text, 1)], words, tmp_path / "m", SMALL, dev=dev, progress=said.append, clock=_Ticks()
    )
    assert first < np.log(8)
    # The first word of a line may be any of eight, the others follow.
    assert perplexity(tmp_path / "m", dev) < 3
    assert perplexity(tmp_path / "m", ["four two eight one six"]) > 6
    assert any(line.startswith("perplexity of dev") for line in said)
    onward = train([(text, 1)], words, tmp_path / "n", SMALL, start=tmp_path / "m", clock=_Ticks())
    assert onward < first
    with pytest.raises(UsageError, match="other words"):
        train([(text, 1)], words[1:], tmp_path / "n", SMALL, start=tmp_path / "m")
    empty = tmp_path / "empty.txt"
    empty.write_text("\n", encoding="utf-8")
    with pytest.raises(UsageError, match="no words"):
        train([(empty, 1)], words, tmp_path / "n", SMALL)


def test_the_command_trains(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    text = tmp_path / "text.txt"
    text.write_text("we say the same\n" * 50, encoding="utf-8")
    scorer = str(load_bundle("english").scorer_path)
    output = tmp_path / "m.safetensors"
    arguments = [
        "scorer", "recurrent", f"{text}=2", "--scorer", scorer, "-o", str(output),
        "--dev", str(text), "--minutes", "0.02", "--width", "16", "--vector", "8",
    ]  # fmt: skip
    assert run(arguments) == 0
    assert "perplexity of dev" in capfd.readouterr().err
    assert perplexity(output, ["we say the same"]) < 10_000
    missing = str(tmp_path / "missing.txt")
    assert run([*arguments[:2], missing, *arguments[3:]]) == 2
    assert capfd.readouterr().err.startswith("error: ")
