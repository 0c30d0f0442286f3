"""Recording trainings of other programs: run a command, and keep what it did as a sealed run."""
