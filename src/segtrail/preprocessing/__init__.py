"""What is done to every volume once: one orientation, one spacing, one intensity scale, kept in a cache."""
