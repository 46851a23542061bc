"""Training data: manifests, feature caches, batches, augmentation, the teacher."""
