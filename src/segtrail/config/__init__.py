"""The typed configuration of a training run: schema, loading, documentation."""
