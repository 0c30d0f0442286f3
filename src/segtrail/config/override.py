"""One change of a configuration from the command line, ``key.sub=value``."""

from dataclasses import dataclass
from typing import Any

import yaml

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
            InputError: The key reaches into a value that is no section.
        """
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
