"""Readers of sound files: WAV itself, libsndfile for its formats, ffmpeg for the rest."""
