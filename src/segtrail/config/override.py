"""One change of a configuration from the command line, ``key.sub=value``."""

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from segtrail.config.inheritance import STAGE_SECTIONS, untaken_by
from segtrail.config.strict_yaml import StrictLoader
from segtrail.errors import InputError


@dataclass(frozen=True)
class Override:
    """A key and the value that it gets.

    Attributes:
        text: The change as it was typed.
        key: The key's parts.
        value: The value, read as YAML.
    """

    text: str
    key: tuple[str, ...]
    value: Any

    @classmethod
    def parse(cls, text: str) -> "Override":
        """Read a change as it was typed.

        Raises:
            InputError: It is not of the form ``key.sub=value``, or the value is no YAML.
        """
        key, separator, value = text.partition("=")
        parts = tuple(key.strip().split("."))
        if not separator or not all(parts):
            raise InputError(
                f"The override {text!r} is not of the form key.sub=value, for example train.batch_size=1."
            )
        try:
            return cls(text, parts, yaml.load(value, Loader=StrictLoader))  # noqa: S506 (a SafeLoader)
        except yaml.YAMLError:
            raise InputError(f"The value in the override {text!r} is not valid YAML.") from None

    def apply(self, values: dict[str, Any]) -> None:
        """Change a configuration as read, in place.

        Raises:
            InputError: The key reaches into a value that is no section, or into a stage that the file does not have.
        """
        self._require_known_stages(values)
        section = values
        for depth, part in enumerate(self.key[:-1], start=1):
            below = {} if section.get(part) is None else section[part]
            if not isinstance(below, dict):
                raise InputError(
                    f"The override {self.text!r} reaches into {'.'.join(self.key[:depth])}, which is no section."
                )
            section[part] = dict(below)  # a copy: an anchor of YAML may stand in several places
            section = section[part]
        section[self.key[-1]] = self.value

    def require_taken(self, values: Mapping[str, Any]) -> None:
        """Refuse a change of what stands above the stages when every stage gives its own.

        Args:
            values: The configuration with all changes, which must be valid.

        Raises:
            InputError: No stage takes the value.
        """
        if self.key[0] not in STAGE_SECTIONS or not values.get("stages"):
            return
        for key in _leaves(self.key, self.value):
            stages = untaken_by(values, key)
            if stages:
                name = ".".join(key)
                own = " and ".join(f"stages.{stage}.{name}" for stage in stages)
                raise InputError(
                    f"The override {self.text!r} would change nothing: {name} is taken by no stage, because each "
                    f"gives its own. Change {own}."
                )

    def _require_known_stages(self, values: Mapping[str, Any]) -> None:
        stages = values.get("stages") or {}
        if self.key[0] != "stages" or not isinstance(stages, dict):
            return
        named = self.key[1:2] or (tuple(self.value) if isinstance(self.value, dict) else ())
        for name in named:
            if name not in stages:
                raise InputError(f"The override {self.text!r} {self._explain_unknown(str(name), stages)}")

    def _explain_unknown(self, name: str, stages: Mapping[Any, Any]) -> str:
        if not stages:
            plain = ".".join(self.key[2:])
            hint = f" Its key is {plain}." if plain else ""
            return f"names a stage, but the configuration has no stages.{hint}"
        close = difflib.get_close_matches(name, map(str, stages), n=1, cutoff=0.5)
        hint = f" Did you mean {close[0]}?" if close else ""
        return f"names the stage {name}; the configuration has {', '.join(map(str, stages))}.{hint}"


def _leaves(key: tuple[str, ...], value: Any) -> Iterator[tuple[str, ...]]:
    """Yield the keys of a value that is a section, or the key itself."""
    if isinstance(value, dict):
        for part, below in value.items():
            yield from _leaves((*key, part), below)
    else:
        yield key
