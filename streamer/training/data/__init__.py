"""Training data: manifests, feature caches, batches, augmentation, distillation targets."""
