"""Spoken numbers in digits: a grammar over words that never takes back what it has settled."""

from streamer.text.numbers.grammar import DateStyle, Unit, as_spoken, number_units

__all__ = ["DateStyle", "Unit", "as_spoken", "number_units"]
