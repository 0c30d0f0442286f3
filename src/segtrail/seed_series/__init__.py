"""One training repeated with several seeds: how much of a result is chance."""
