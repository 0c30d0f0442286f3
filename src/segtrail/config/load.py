"""Reading a configuration: YAML file, overrides, and errors in sentences."""

from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from segtrail.config.explain import explain_validation_error
from segtrail.config.override import Override
from segtrail.config.schema import Config
from segtrail.config.strict_yaml import read_yaml_mapping
from segtrail.errors import InputError


def load_config(path: Path, overrides: Sequence[str] = ()) -> Config:
    """Read a configuration file and apply overrides.

    Args:
        path: YAML file.
        overrides: Entries of the form ``key.sub=value``; the value is read as YAML.

    Returns:
        The validated configuration, every default filled in.

    Raises:
        InputError: The file can't be read, is not YAML, or holds an unknown key or a wrong value;
            all such problems are listed at once. An override is malformed or would change nothing.
    """
    values = read_yaml_mapping(path)
    changes = [Override.parse(text) for text in overrides]
    for change in changes:
        change.apply(values)
    try:
        config = Config.model_validate(values)
    except ValidationError as error:
        raise InputError(explain_validation_error(error, path.name, values)) from None
    for change in changes:
        change.require_taken(values)
    return config
