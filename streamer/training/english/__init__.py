"""The recipe of the bundled English model."""
