"""Commands that turn speech into text."""
