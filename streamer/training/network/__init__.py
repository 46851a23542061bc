"""The network in training: its layers, checkpoints, initial weights, and fast kernels."""
