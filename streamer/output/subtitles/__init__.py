"""Subtitle formats: SubRip and WebVTT."""
