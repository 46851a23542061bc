"""Compiled vocabularies in the user's cache."""
