"""Writers: from `Weights` to files that the backends load."""
