"""Runs as bundles that MONAI's own command runs."""
