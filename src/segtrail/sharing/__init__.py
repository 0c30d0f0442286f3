"""Copies of runs for use elsewhere: what goes out, under which names, and how that is checked."""
