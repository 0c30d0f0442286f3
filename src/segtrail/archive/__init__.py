"""Archives of sealed runs: one file for each, with or without the data, and the way back."""
