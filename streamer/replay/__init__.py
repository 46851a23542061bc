"""Replay of a recording with its transcript: the words light up as they are heard."""
