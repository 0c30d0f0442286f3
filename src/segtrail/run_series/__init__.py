"""Several runs that belong together, trained one after the other and gone on with where they were stopped."""
