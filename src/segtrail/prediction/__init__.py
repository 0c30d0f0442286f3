"""Use of a trained run on new images."""
