"""From any DeepSpeech network to files that the backends load: readers, writers, checker."""

from streamer.convert.readers import read_network
from streamer.convert.to_bundle import convert_to_bundle

__all__ = ["convert_to_bundle", "read_network"]
