"""Settings of language models. Imports nothing heavy: the command line reads its defaults here."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ScorerSettings:
    """How a scorer is built.

    Attributes:
        order: longest n-gram.
        vocabulary: maximum number of words, the most frequent ones.
        lexicon: maximum number of them that the decoder can recognise; the rest only serve
            the counts. 0 for all.
        minimum_counts: n-grams seen no more often are pruned, an entry per order; as KenLM's
            ``--prune``, where 0 keeps everything.
        quantise_bits: bits of a probability and of a back-off weight.
        pointer_bits: longest run that the trie's pointers compress, as
            KenLM's ``build_binary -a``.
        lm_alpha: weight of the language model, stored in the package.
        lm_beta: reward of a word, stored in the package.
        memory: memory for ``lmplz``, as its ``-S``.
    """

    order: int = 4
    vocabulary: int = 80_000
    lexicon: int = 0
    minimum_counts: tuple[int, ...] = (0, 0, 1, 2)
    quantise_bits: int = 8
    pointer_bits: int = 255
    lm_alpha: float = 0.931289039105002
    lm_beta: float = 1.1834137581510284
    memory: str = "40%"


@dataclass(frozen=True)
class RecurrentSettings:
    """How a recurrent language model is trained.

    Attributes:
        n_hidden: units of the LSTM.
        embedding_size: entries of a word's vector.
        batch_size: texts that are read side by side.
        bptt_steps: words of each between updates (truncated backpropagation through time).
        minutes: duration of the training.
        lr: learning rate of Adam.
        lr_hold_share: share of the training before the learning rate falls, linearly, to zero.
        n_frequent: most frequent words, which are in every sample.
        n_sampled: other words drawn for a sample.
        sampling_exponent: exponent of the words' frequencies in the sampling.
        normalisation_weight: weight of the squared log partition function (self-normalisation).
        reset_share: share of the texts whose state is reset at a step, as at an utterance's start.
        seed: random seed.
    """

    n_hidden: int = 512
    embedding_size: int = 256
    batch_size: int = 256
    bptt_steps: int = 32
    minutes: float = 60.0
    lr: float = 2e-3
    lr_hold_share: float = 0.25
    n_frequent: int = 1500
    n_sampled: int = 2048
    sampling_exponent: float = 0.8
    normalisation_weight: float = 0.05
    reset_share: float = 0.08
    seed: int = 0
