"""Pronunciations of words and letter-to-sound rules."""

from streamer.deprecated import moved_names

__getattr__ = moved_names(__name__)
