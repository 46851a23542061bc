"""Where samples come from: microphone, recordings, standard input, memory."""

from streamer.deprecated import moved_names

__getattr__ = moved_names(__name__)
