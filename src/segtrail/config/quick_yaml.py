"""Reading YAML that the program wrote itself, many files at a time."""

import re
from collections.abc import Collection
from functools import lru_cache
from typing import Any

import yaml

# libyaml's is several times as fast, and not everywhere.
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_DEEPEST = 100
# What a line may begin with: each collection of a block begins at a column of its own, but for lists below a key.
_BEGINNING = re.compile(r"^[ ?-]*", re.MULTILINE)
_SECTION = re.compile(r"^(?=\w)", re.MULTILINE)


def load_quickly(text: str) -> Any:
    """Read YAML with a safe loader, by libyaml where that is there.

    Raises:
        yaml.YAMLError: It is no YAML, or nested too deep.
        ValueError: A value is none of its type.
    """
    _refuse_depth(text)
    return yaml.load(text, Loader=_Loader)  # noqa: S506 (a safe loader)


def load_sections(text: str, names: Collection[str]) -> Any:
    """Read some sections of a mapping, which is quicker; what is not built as the program writes it is read whole.

    Args:
        text: The YAML.
        names: The keys of the sections.

    Returns:
        The sections that are there; texts that are the same give the same objects, which must not be changed.

    Raises:
        yaml.YAMLError: It is no YAML, or nested too deep.
        ValueError: A value is none of its type.
    """
    wanted = [section for section in _SECTION.split(text) if section.partition(":")[0] in names]
    if not wanted:
        return load_quickly(text)
    try:
        return {name: value for section in wanted for name, value in _load_section(section).items()}
    except (yaml.YAMLError, ValueError, AttributeError):
        return load_quickly(text)


@lru_cache(maxsize=1000)
def _load_section(text: str) -> Any:
    """Read a section; those of many runs are the same."""
    return load_quickly(text)


def _refuse_depth(text: str) -> None:
    """Refuse deep nesting, at which libyaml ends the whole process; its events alone come without recursion."""
    if _most_depth(text) <= _DEEPEST:
        return
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > _DEEPEST:
            raise yaml.YAMLError(f"it is nested more than {_DEEPEST} times")


def _most_depth(text: str) -> int:
    """Return a depth that the nesting can't exceed, without parsing."""
    widest = max(map(len, _BEGINNING.findall(text)), default=0)
    return 2 * (widest + 1) + text.count("[") + text.count("{")
