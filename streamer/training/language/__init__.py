"""Language side of the training: texts, pronunciations, scorers, recurrent models."""
