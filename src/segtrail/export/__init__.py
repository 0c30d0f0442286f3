"""Giving runs to others in forms of their own."""
