"""The optimisation of a network: losses, optimisers, the training loop."""
