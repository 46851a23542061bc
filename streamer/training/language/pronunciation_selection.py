"""Which of its pronunciations each word was spoken in, as a network hears it.

"the" before a vowel, "a" when stressed, "often" with a t: a dictionary lists
them all and a transcript tells none. A network that has learned the first ones
hears well enough which it was.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Callable

import torch
from torch import Tensor

from streamer.decoding.lexicon.letter_to_sound import Pronunciation
from streamer.training.data.batches import DataSet, frames_needed
from streamer.training.language.pronunciations import Pronunciations
from streamer.training.network import losses
from streamer.training.network.training_network import TrainingNetwork

#: A way other than the first has to be so much likelier, as a natural logarithm.
_MARGIN = 0.5
#: Ways of a word that are tried.
_MOST_WAYS = 6


@torch.no_grad()
def spoken_ways(
    network: TrainingNetwork,
    data: DataSet,
    pronunciations: Pronunciations,
    batch_s: float = 120.0,
    follow: Callable[[Iterable[Any], int], Iterable[Any]] = lambda items, count: items,
) -> list[tuple[int, ...]]:
    """Return the phonemes of each of ``data.examples``, word by word the likeliest way.

    Each other way of each word is tried alone in the sentence of first ways; those that
    make the recording likelier are then taken together.

    Args:
        network: hears phonemes.
        data: clips; those whose phonemes are not known stay so.
        pronunciations: where the ways are from.
        batch_s: seconds of speech that go through the network at a time.
        follow: shows how many batches are done.
    """
    place = {id(example): i for i, example in enumerate(data.examples)}
    result = [example.phonemes for example in data.examples]
    known: dict[str, list[Pronunciation]] = {}
    network.eval()
    batches = list(data.order(batch_s, 0, 0))
    for examples in follow(batches, len(batches)):
        batch = data.batch(examples)
        with torch.autocast("cpu", torch.bfloat16, enabled=network.fast):
            logits = network(batch.vectors, batch.n_frames).phonemes[-1]
        for example, heard in zip(examples, logits.split(batch.n_frames.tolist())):
            if example.phonemes:
                ways = [
                    known.setdefault(word, pronunciations.ways(word)[:_MOST_WAYS])
                    for word in example.entry.transcript.split()
                ]
                result[place[id(example)]] = _likeliest(heard, ways, network.fast)
    return result


def _likeliest(logits: Tensor, ways: list[list[Pronunciation]], fast: bool) -> tuple[int, ...]:
    chosen = [said[0] for said in ways]
    tried: list[tuple[int, Pronunciation]] = [
        (position, way) for position, said in enumerate(ways) for way in said[1:]
    ]
    sentences = [_joined(chosen)]
    for position, way in tried:
        sentences.append(_joined([*chosen[:position], way, *chosen[position + 1 :]]))
    fits = [i for i, s in enumerate(sentences) if frames_needed(s) <= len(logits)]
    if not tried or 0 not in fits:
        return sentences[0]
    costs = losses.ctc(
        logits.float().repeat(len(fits), 1),
        torch.full((len(fits),), len(logits)),
        torch.tensor([label for i in fits for label in sentences[i]], dtype=torch.long),
        torch.tensor([len(sentences[i]) for i in fits]),
        fast,
    ).tolist()
    best = [costs[0] - _MARGIN] * len(ways)
    for i, cost in zip(fits[1:], costs[1:]):
        position, way = tried[i - 1]
        if cost < best[position]:
            best[position], chosen[position] = cost, way
    return _joined(chosen)


def _joined(words: list[Pronunciation]) -> tuple[int, ...]:
    return tuple(phoneme for word in words for phoneme in word)
