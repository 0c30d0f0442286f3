"""Training a run again from its folder alone, and comparing the two."""
