"""The data set: its description, the checks of its files, its fingerprint and its split."""
