"""Written English from spoken words: numbers, capitals, marks."""
