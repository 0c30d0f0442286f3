"""The record of a run: its folder, its files, and how they are written."""
