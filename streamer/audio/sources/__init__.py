"""Where samples come from: microphone, recordings, standard input, arrays."""
