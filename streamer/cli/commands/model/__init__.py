"""Commands that make, convert, check and install models."""
