"""The network in training: layers, losses, optimisers, kernels, the loop."""
