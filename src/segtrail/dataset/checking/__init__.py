"""Judging a data set: what is wrong with single cases and with all of them together."""
