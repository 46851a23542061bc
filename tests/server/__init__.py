"""Tests of ``streamer serve``."""
