"""Synthetic speech for training."""
