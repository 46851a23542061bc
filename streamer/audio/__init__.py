"""Audio input: sources, the ring buffer, and the capture thread between them."""
