"""Spoken numbers in digits: a grammar over words that never takes back what it has settled."""

from streamer.text.numbers.grammar import DateStyle, NumberWriter, Unit, number_units

__all__ = ["DateStyle", "NumberWriter", "Unit", "number_units"]
