"""Measuring a model: error rates, the decoder on stored posteriors."""
