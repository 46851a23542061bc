"""Recordings and virtual microphones."""
