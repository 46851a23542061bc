"""How words are spoken: pronunciations and letter-to-sound rules."""
