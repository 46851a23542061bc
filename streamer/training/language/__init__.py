"""Text for training: normalisation, scorers, the recurrent model, pronunciations."""
