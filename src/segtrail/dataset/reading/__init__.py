"""Reading every case once, whole: its facts, what is wrong with it alone, and how it looks."""
