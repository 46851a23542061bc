"""The protocols, one module each; all of them end in the same streams."""
