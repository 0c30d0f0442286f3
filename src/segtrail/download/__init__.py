"""Getting public data sets: a file over HTTP, verified and safely unpacked."""
