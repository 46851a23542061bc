"""Searches: from probabilities to the likeliest label sequences."""
