"""Decoding: from probabilities of letters to words."""

from streamer.decoding.alphabet import Alphabet, read_alphabet, write_alphabet
from streamer.decoding.scorer import Scorer, read_scorer, write_scorer

__all__ = ["Alphabet", "Scorer", "read_alphabet", "read_scorer", "write_alphabet", "write_scorer"]
