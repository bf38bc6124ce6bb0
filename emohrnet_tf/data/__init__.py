"""From an index of clips to batches for training: preparation, splits, targets, augmentation, pipeline."""
