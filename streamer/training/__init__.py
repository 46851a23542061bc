"""Training: acoustic models, language models, synthetic speech, export to bundles."""
