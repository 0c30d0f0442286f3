"""Where a run comes from: its code, its packages, its machine, what it cost."""
