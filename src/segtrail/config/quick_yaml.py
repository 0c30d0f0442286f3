"""Reading YAML that the program wrote itself, many files at a time."""

from typing import Any

import yaml

# libyaml's is several times as fast, and not everywhere.
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_DEEPEST = 100


def load_quickly(text: str) -> Any:
    """Read YAML with a safe loader, by libyaml where that is there.

    Raises:
        yaml.YAMLError: It is no YAML, or nested too deep.
        ValueError: A value is none of its type.
    """
    _refuse_depth(text)
    return yaml.load(text, Loader=_Loader)  # noqa: S506 (a safe loader)


def _refuse_depth(text: str) -> None:
    """Refuse deep nesting, at which libyaml ends the whole process; its events alone come without recursion."""
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > _DEEPEST:
            raise yaml.YAMLError(f"it is nested more than {_DEEPEST} times")
