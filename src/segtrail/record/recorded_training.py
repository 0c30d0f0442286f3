"""What tells the record of another program's training from a run of segtrail itself."""

from collections.abc import Mapping
from typing import Any

# What that training was configured with, as an adapter read it.
CONFIGURATION_FILE = "training_configuration.json"


def is_recorded(state: Mapping[str, Any]) -> bool:
    """Tell from ``run.json`` whether a run is the record of another program's training."""
    return "recorded" in state
