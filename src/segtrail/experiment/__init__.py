"""Whole jobs, each readable from top to bottom: train a run, evaluate a run."""
