"""DeepSpeech scorer packages: a KenLM model and its word list."""
