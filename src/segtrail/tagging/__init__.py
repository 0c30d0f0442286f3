"""A git tag that names a run."""
