"""The terminal device: keys, standard error, clipboard, restoring its state."""
