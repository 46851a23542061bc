"""Decoding: from probabilities to words."""

from streamer.decoding.alphabet import Alphabet, read_alphabet, write_alphabet
from streamer.decoding.decoder import DecodedWord, Decoder, Hypothesis
from streamer.decoding.factory import KINDS, create_decoder
from streamer.decoding.scorer.package import Scorer, read_scorer, write_scorer
from streamer.decoding.settings import DecodingSettings
from streamer.decoding.user_words import UserWord, parse_user_word, read_user_words

__all__ = [
    "KINDS",
    "Alphabet",
    "DecodedWord",
    "Decoder",
    "DecodingSettings",
    "Hypothesis",
    "Scorer",
    "UserWord",
    "create_decoder",
    "parse_user_word",
    "read_alphabet",
    "read_scorer",
    "read_user_words",
    "write_alphabet",
    "write_scorer",
]
