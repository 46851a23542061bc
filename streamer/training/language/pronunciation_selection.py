"""Selection of pronunciation variants by a trained network.

"the" before a vowel, "a" when stressed, "often" with a t: the dictionary lists all variants, and
a transcript does not say which was spoken. A network trained on the first variants can tell, as
in the forced alignment of speech recognisers.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Callable

import torch
from torch import Tensor

from streamer.decoding.lexicon.leaves import Leaves
from streamer.decoding.lexicon.letter_to_sound import Pronunciation
from streamer.training.data.batches import DataSet, frames_needed
from streamer.training.language.pronunciations import Pronunciations
from streamer.training.network.training_network import TrainingNetwork
from streamer.training.optimisation import losses

#: Required log likelihood ratio of another variant over the first, a natural logarithm.
_MARGIN = 0.5
#: Maximum number of variants per word.
_MAX_VARIANTS = 6


@torch.no_grad()
def select_pronunciations(
    network: TrainingNetwork,
    data: DataSet,
    pronunciations: Pronunciations,
    batch_s: float = 120.0,
    follow: Callable[[Iterable[Any], int], Iterable[Any]] = lambda items, count: items,
) -> list[tuple[int, ...]]:
    """Return the phonemes of each of ``data.examples`` by the most likely variant of each word.

    Each other variant of each word is tried alone in the sentence of first variants; those that
    make the recording likelier are combined.

    Args:
        network: a network with phoneme heads.
        data: clips; those without phonemes are not changed.
        pronunciations: source of the variants.
        batch_s: seconds of speech in a batch.
        follow: wraps the iteration to show its progress.
    """
    place = {id(example): i for i, example in enumerate(data.examples)}
    result = [example.phonemes for example in data.examples]
    known: dict[str, list[Pronunciation]] = {}
    leaves = network.leaves
    network.eval()
    batches = list(data.order(batch_s, 0, 0))
    for examples in follow(batches, len(batches)):
        batch = data.batch(examples)
        with torch.autocast("cpu", torch.bfloat16, enabled=network.fast):
            logits = network(batch.vectors, batch.n_frames).phonemes[-1]
        for example, clip_logits in zip(examples, logits.split(batch.n_frames.tolist())):
            if example.phonemes:
                variants = [
                    known.setdefault(word, pronunciations.variants(word)[:_MAX_VARIANTS])
                    for word in example.entry.transcript.split()
                ]
                result[place[id(example)]] = most_likely_pronunciations(
                    clip_logits, variants, network.fast, leaves
                )
    return result


def most_likely_pronunciations(
    logits: Tensor,
    variants: list[list[Pronunciation]],
    fast: bool,
    leaves: Leaves | None = None,
) -> tuple[int, ...]:
    """Return the phonemes of a sentence by the most likely variant of each word.

    Args:
        logits: of the phonemes or their leaves, float32 (frames, labels), blank last.
        variants: of each word, the dictionary's first one first.
        fast: whether to use `streamer.training.network.kernels`.
        leaves: leaves of the phonemes, if the network has these instead.
    """
    chosen = [of_word[0] for of_word in variants]
    tried: list[tuple[int, Pronunciation]] = [
        (position, variant) for position, of_word in enumerate(variants) for variant in of_word[1:]
    ]
    sentences = [_joined(chosen)]
    for position, variant in tried:
        sentences.append(_joined([*chosen[:position], variant, *chosen[position + 1 :]]))
    fits = [i for i, s in enumerate(sentences) if frames_needed(s) <= len(logits)]
    if not tried or 0 not in fits:
        return sentences[0]
    labels = [sentences[i] if leaves is None else leaves.of(sentences[i]) for i in fits]
    costs = losses.ctc(
        logits.float().repeat(len(fits), 1),
        torch.full((len(fits),), len(logits)),
        torch.tensor([label for sentence in labels for label in sentence], dtype=torch.long),
        torch.tensor([len(sentences[i]) for i in fits]),
        fast,
    ).tolist()
    best = [costs[0] - _MARGIN] * len(variants)
    for i, cost in zip(fits[1:], costs[1:]):
        position, variant = tried[i - 1]
        if cost < best[position]:
            best[position], chosen[position] = cost, variant
    return _joined(chosen)


def _joined(words: list[Pronunciation]) -> tuple[int, ...]:
    return tuple(phoneme for word in words for phoneme in word)
