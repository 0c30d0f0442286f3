"""Cross-validation: a run for each fold, and the results of all cases together."""
