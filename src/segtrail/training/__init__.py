"""Training: patches, augmentation, schedule, loop and checkpoints."""
