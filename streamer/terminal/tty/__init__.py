"""The terminal device: keys, job control, clipboard, standard error, restoring its state."""
