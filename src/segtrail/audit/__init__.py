"""Proving a run folder true, offline and without writing into it."""
