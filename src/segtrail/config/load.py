"""Reading a configuration: YAML file, overrides, placeholders of machine paths, and errors in sentences."""

from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from segtrail.config.explain import explain_validation_error
from segtrail.config.schema import Config
from segtrail.errors import InputError


class _StrictLoader(yaml.SafeLoader):
    """A safe loader that refuses a key given twice, which YAML itself lets pass."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            if key_node.tag == "tag:yaml.org,2002:merge":
                continue
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, Hashable):
                raise yaml.constructor.ConstructorError(
                    None, None, "a key must be a word, not a list or section", key_node.start_mark
                )
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key!r} stands here twice", key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep)


def load_config(path: Path, overrides: Sequence[str] = ()) -> Config:
    """Read a configuration file and apply overrides.

    Args:
        path: YAML file.
        overrides: Entries of the form ``key.sub=value``; the value is read as YAML.

    Returns:
        The validated configuration, every default filled in.

    Raises:
        InputError: The file can't be read, is not YAML, or holds an unknown key or a wrong value;
            all such problems are listed at once.
    """
    values = read_yaml_mapping(path)
    for override in overrides:
        _apply_override(values, override)
    try:
        return Config.model_validate(values)
    except ValidationError as error:
        raise InputError(explain_validation_error(error, path.name)) from None


def read_yaml_mapping(path: Path) -> dict[str, Any]:
    """Read a YAML file that holds one mapping.

    Args:
        path: The file.

    Returns:
        The mapping.

    Raises:
        InputError: The file is missing, unreadable, no YAML, or no mapping.
    """
    try:
        values = yaml.load(path.read_text(encoding="utf-8-sig"), Loader=_StrictLoader)  # noqa: S506 (a SafeLoader)
    except FileNotFoundError:
        raise InputError(
            f"There is no configuration file {path}. Check the name; examples are in configs/."
        ) from None
    except UnicodeDecodeError:
        raise InputError(f"{path} is not a text file in UTF-8, as a configuration must be.") from None
    except OSError as error:
        raise InputError(f"The configuration file {path} can't be read: {error.strerror}.") from None
    except yaml.YAMLError as error:
        raise InputError(f"{path} is not valid YAML: {_yaml_problem(error)}") from None
    if not isinstance(values, dict):
        raise InputError(f"{path} holds no sections. A configuration looks like those in configs/.")
    return values


def _yaml_problem(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or "it can't be parsed"
    return f"line {mark.line + 1}, column {mark.column + 1}: {problem}." if mark else f"{problem}."


def _apply_override(values: dict[str, Any], override: str) -> None:
    key, separator, text = override.partition("=")
    parts = key.strip().split(".")
    if not separator or not all(parts):
        raise InputError(
            f"The override {override!r} is not of the form key.sub=value, for example train.batch_size=1."
        )
    try:
        value = yaml.load(text, Loader=_StrictLoader)  # noqa: S506 (a SafeLoader)
    except yaml.YAMLError:
        raise InputError(f"The value in the override {override!r} is not valid YAML.") from None
    target = values
    for depth, part in enumerate(parts[:-1], start=1):
        if target.get(part) is None:
            target[part] = {}
        target = target[part]
        if not isinstance(target, dict):
            raise InputError(
                f"The override {override!r} reaches into {'.'.join(parts[:depth])}, which is no section."
            )
    target[parts[-1]] = value
