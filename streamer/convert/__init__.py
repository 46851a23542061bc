"""Conversion of DeepSpeech networks to files that the backends load."""

from streamer.convert.bundle_writer import convert_to_bundle
from streamer.convert.readers import read_network

__all__ = ["convert_to_bundle", "read_network"]
