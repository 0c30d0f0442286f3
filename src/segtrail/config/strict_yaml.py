"""Reading YAML that holds one mapping, with nothing let pass that a person can't have meant."""

from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml

from segtrail.errors import InputError


class StrictLoader(yaml.SafeLoader):
    """A safe loader that refuses a key given twice, which YAML itself lets pass."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Make a mapping, as the parent does, of keys that differ."""
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
        values = yaml.load(path.read_text(encoding="utf-8-sig"), Loader=StrictLoader)  # noqa: S506 (a SafeLoader)
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
