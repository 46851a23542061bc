"""Sources of sound, the ring buffer, and the thread between them."""
