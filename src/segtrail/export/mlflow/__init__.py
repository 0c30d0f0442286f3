"""Runs in MLflow: all that a finished run says, and what a run says while it trains."""
