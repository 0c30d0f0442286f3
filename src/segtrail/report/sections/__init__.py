"""The sections of a report: each turns what the run folder says into parts."""
