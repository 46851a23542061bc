"""Adaptation of a model to one speaker."""
