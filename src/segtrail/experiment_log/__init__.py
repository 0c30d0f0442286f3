"""The experiment log: a table of runs, read from their folders alone."""
