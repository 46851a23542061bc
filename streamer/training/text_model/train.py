"""Trains the tagger: ``python -m streamer.training.text_model.train CORPUS OUTPUT``.

It writes ``checkpoint.pt`` every few minutes and continues from it when it is started again.
"""

from __future__ import annotations

import argparse
import json
import math
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from torch import nn

from streamer.arrays import FloatArray, IntArray
from streamer.text.model import DESCRIPTION_FILE, TAGGER_FILE, WORDS_FILE
from streamer.text.tagger import PAUSE_FEATURES
from streamer.text.tags import Case
from streamer.text.vocabulary import Vocabulary
from streamer.training.optimisation.workers import ALONE, Workers, joined_workers
from streamer.training.text_model import corpus
from streamer.training.text_model.batches import Batch, Sampler
from streamer.training.text_model.export import read_onnx
from streamer.training.text_model.growth import grown
from streamer.training.text_model.network import Sizes, TaggerNetwork, sizes_of
from streamer.training.text_model.scoring import Scores, counted
from streamer.training.text_model.thresholds import best_biases

#: How often a row is drawn from each text: spoken style has more weight than it has words.
SHARES = {"books": 0.46, "speeches": 0.16, "dialogue": 0.14, "podcasts": 0.24}
#: Words count so many times for the vocabulary: there are few of the spoken ones.
_WEIGHTS = {"books": 1, "speeches": 5, "dialogue": 5, "podcasts": 2}
#: Units of the recurrent layer.
STATE = 896
ROW_WORDS = 64
#: Rows of a step, of all workers together.
ROWS = 128
WARM_UP_STEPS = 200
#: Weight of the cases' loss.
CASE_WEIGHT = 0.5
SAVE_EVERY_S = 300.0
_ARRAYS = ("numbers", "marks", "cases", "paragraph_ends")
#: The end of each text measures the training.
DEVELOPMENT_LINES = 400


def main(arguments: list[str] | None = None) -> None:
    """Run the training."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--words", type=int, default=28_000, help="of the vocabulary")
    parser.add_argument("--steps", type=int, default=8_000)
    parser.add_argument("--rate", type=float, default=1.5e-3)
    parser.add_argument(
        "--state", type=int, help=f"{STATE}, or as in START; more than there grows it"
    )
    parser.add_argument("--look-ahead", type=int, default=8)
    parser.add_argument("--start", type=Path, help="a text model to go on from")
    parser.add_argument("--threads", type=int, default=1, help="of each worker")
    parser.add_argument("--workers", type=int, default=1, help="processes that share each step")
    options = parser.parse_args(arguments)
    options.output.mkdir(parents=True, exist_ok=True)
    texts, vocabulary, development = _texts(options)
    network = _network(options, vocabulary)
    with _worker_processes(options) as workers:
        _train(options, network, texts, development, vocabulary.endings(), workers)
    found = {name: logits_of(network, words) for name, words in development.items()}
    bias = best_biases(list(found.values()), [words.marks for words in development.values()])
    biases = {"mark_bias": [round(float(b), 3) for b in bias], "case_bias": [0.0] * len(Case)}
    (options.output / DESCRIPTION_FILE).write_text(json.dumps(biases) + "\n", encoding="utf-8")
    for name, words in development.items():
        print(name, counted((found[name] + bias).argmax(axis=1), words.marks).summary())


@contextmanager
def _worker_processes(options: argparse.Namespace) -> Iterator[Workers]:
    """Start the other workers, and wait for them at the end."""
    if options.workers == 1:
        yield ALONE
        return
    import torch.multiprocessing

    context = torch.multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder:
        meeting_point = str(Path(folder) / "meeting")
        others = [
            context.Process(target=_work, args=(options, rank, meeting_point), daemon=True)
            for rank in range(1, options.workers)
        ]
        for other in others:
            other.start()
        with joined_workers(0, options.workers, meeting_point) as workers:
            yield workers
            for other in others:
                other.join()


def _work(options: argparse.Namespace, rank: int, meeting_point: str) -> None:
    """Train as one of several workers."""
    texts, vocabulary, _ = _texts(options)
    network = _network(options, vocabulary)
    with joined_workers(rank, options.workers, meeting_point) as workers:
        _train(options, network, texts, {}, vocabulary.endings(), workers)


def _network(options: argparse.Namespace, vocabulary: Vocabulary) -> TaggerNetwork:
    """Return the network with the weights it begins with, the same in all workers."""
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    if options.start is None:
        state = options.state or STATE
        return TaggerNetwork(Sizes(len(vocabulary), state=state, look_ahead=options.look_ahead))
    known = Vocabulary((options.start / WORDS_FILE).read_text(encoding="utf-8").split())
    weights = grown(read_onnx(options.start / TAGGER_FILE), known, vocabulary, options.state or 0)
    network = TaggerNetwork(sizes_of(weights))
    network.load_state_dict({name: torch.tensor(value) for name, value in weights.items()})
    return network


def _texts(
    options: argparse.Namespace,
) -> tuple[dict[str, corpus.Words], Vocabulary, dict[str, corpus.Words]]:
    """Read the corpus, or what an earlier run made of it."""
    prepared = options.output / "corpus.npz"
    words_file = options.output / WORDS_FILE
    if not prepared.exists():
        _prepare(options, words_file, prepared)
    vocabulary = Vocabulary(words_file.read_text(encoding="utf-8").split())
    texts, development = {}, {}
    with np.load(prepared) as arrays:
        for name in SHARES:
            texts[name] = corpus.Words(*(arrays[f"{name}/{k}"] for k in _ARRAYS))
            development[name] = corpus.Words(*(arrays[f"{name}/dev/{k}"] for k in _ARRAYS))
            print(f"{name}: {len(texts[name]):,} words", flush=True)
    return texts, vocabulary, development


def _prepare(options: argparse.Namespace, words_file: Path, prepared: Path) -> None:
    lines = {name: corpus.read_lines(options.corpus / f"{name}.txt") for name in SHARES}
    surfaces = corpus.count_surfaces(line for each in lines.values() for line in each)
    stressed = corpus.stressed_words(surfaces)
    counts: Counter[str] = Counter()
    for name, each in lines.items():
        for word, count in corpus.count_words(each).items():
            counts[word] += _WEIGHTS[name] * count
    words = [word for word, _ in counts.most_common(options.words)]
    words_file.write_text("\n".join(words) + "\n", encoding="utf-8")
    vocabulary = Vocabulary(words)
    arrays = {}
    for name, each in lines.items():
        parts = {"": each[:-DEVELOPMENT_LINES], "dev/": each[-DEVELOPMENT_LINES:]}
        for part, some in parts.items():
            encoded = corpus.encode(some, vocabulary, stressed)
            arrays.update({f"{name}/{part}{k}": getattr(encoded, k) for k in _ARRAYS})
    np.savez(prepared, **arrays)


def _train(
    options: argparse.Namespace,
    network: TaggerNetwork,
    texts: dict[str, corpus.Words],
    development: dict[str, corpus.Words],
    endings: IntArray,
    workers: Workers,
) -> None:
    sampler = Sampler(
        list(texts.values()),
        [SHARES[name] for name in texts],
        ROW_WORDS,
        network.sizes.look_ahead,
        endings,
    )
    optimiser = torch.optim.AdamW(
        network.parameters(), lr=options.rate, weight_decay=0.01, fused=True
    )
    checkpoint = options.output / "checkpoint.pt"
    step = 0
    if checkpoint.exists():
        saved = torch.load(checkpoint, weights_only=True)
        network.load_state_dict(saved["network"])
        optimiser.load_state_dict(saved["optimiser"])
        step = saved["step"]
    # Each worker draws its own rows, and others after a training was continued.
    sampler.reseed(step * workers.count + workers.rank)
    torch.manual_seed(workers.rank)
    begun = saved_at = time.monotonic()
    losses: list[float] = []
    network.train()
    while step < options.steps:
        for group in optimiser.param_groups:
            group["lr"] = options.rate * _schedule(step, options.steps)
        loss = _loss(network, sampler.batch(ROWS // workers.count))
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        _share_gradients(network, workers)
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        losses.append(loss.item())
        step += 1
        done = step == options.steps
        if workers.rank == 0 and (done or time.monotonic() - saved_at > SAVE_EVERY_S):
            saved_at = time.monotonic()
            _save(checkpoint, network, optimiser, step)
            scores = {name: measure(network, words) for name, words in development.items()}
            line = {"step": step, "minutes": round((saved_at - begun) / 60, 1)}
            line["loss"] = round(float(np.mean(losses)), 4)
            losses.clear()
            print(json.dumps({**line, **{k: v.summary() for k, v in scores.items()}}), flush=True)
            network.train()


def _share_gradients(network: TaggerNetwork, workers: Workers) -> None:
    """Give every worker the mean of all gradients."""
    if workers.count == 1:
        return
    gradients = [p.grad for p in network.parameters() if p.grad is not None]
    for own, total in zip(gradients, workers.add_up(gradients)):
        own.copy_(total / workers.count)


def _schedule(step: int, steps: int) -> float:
    if step < WARM_UP_STEPS:
        return (step + 1) / WARM_UP_STEPS
    return 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * step / steps))


def _loss(network: TaggerNetwork, batch: Batch) -> torch.Tensor:
    # Sixteen bits make it 1.6 times as fast where the processor has them.
    with torch.autocast("cpu", torch.bfloat16):
        marks, cases, _ = network(
            torch.from_numpy(batch.numbers),
            torch.from_numpy(batch.ahead),
            torch.from_numpy(batch.pauses),
        )
    of_marks = nn.functional.cross_entropy(
        marks.float().flatten(0, 1), torch.from_numpy(batch.marks).flatten()
    )
    of_cases = nn.functional.cross_entropy(
        cases.float().flatten(0, 1),
        torch.from_numpy(batch.cases).flatten(),
        ignore_index=corpus.NO_CASE,
    )
    return of_marks + CASE_WEIGHT * of_cases


def _save(path: Path, network: TaggerNetwork, optimiser: torch.optim.Optimizer, step: int) -> None:
    new = path.with_suffix(".new")
    torch.save(
        {
            "network": network.state_dict(),
            "optimiser": optimiser.state_dict(),
            "step": step,
            "sizes": vars(network.sizes),
        },
        new,
    )
    new.replace(path)


@torch.no_grad()
def logits_of(network: TaggerNetwork, words: corpus.Words) -> FloatArray:
    """Return the logits of the marks of running words, without pauses and utterances."""
    network.eval()
    length = network.sizes.look_ahead
    numbers = torch.from_numpy(words.numbers.astype(np.int64))
    padded = torch.cat([numbers, numbers.new_zeros(length)])
    ahead = padded[1:].unfold(0, length, 1)
    marks, _, _ = network(numbers[None], ahead[None], torch.zeros(1, len(words), PAUSE_FEATURES))
    logits: FloatArray = marks[0].numpy()
    return logits


def measure(network: TaggerNetwork, words: corpus.Words) -> Scores:
    """Score the marks of running words."""
    return counted(logits_of(network, words).argmax(axis=1), words.marks)


if __name__ == "__main__":
    main()
