"""``config_resolved.yaml``: every configuration value, without machine paths."""

from pathlib import Path

import yaml

from segtrail.atomic import write_text
from segtrail.config.schema import Config
from segtrail.record.redaction import Redactor

FILE_NAME = "config_resolved.yaml"


def write_resolved_config(folder: Path, config: Config, redactor: Redactor) -> None:
    """Write every value of a configuration into a folder of the record, atomically.

    Args:
        folder: A run's folder, or a cross-validation's.
        config: The configuration.
        redactor: Takes this machine's paths out.
    """
    values = redactor.redact_config(config.model_dump(mode="json"))
    write_text(folder / FILE_NAME, yaml.safe_dump(values, sort_keys=False, allow_unicode=True))
