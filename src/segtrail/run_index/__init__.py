"""The index of runs: all run folders of an output folder in a database that is made from them alone, to search them."""
