"""The rules that let values out: what no rule lets out stays, and is noted by its key."""

import re
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

_LONGEST_TEXT = 2000


class NotSharedError(Exception):
    """No rule lets a value out."""


@dataclass(frozen=True)
class LeftOut:
    """What stays in the hospital, as it is found: how often each key of each file.

    Attributes:
        keys: Counts by file and key; the key is empty for a whole file.
    """

    keys: Counter[tuple[str, str]] = field(default_factory=Counter)

    def note(self, file: str, key: str = "", times: int = 1) -> None:
        """Note what was left out."""
        self.keys[file, key] += times


@dataclass(frozen=True)
class Place:
    """Where a value stands.

    Attributes:
        file: Its file.
        left_out: Hears of what no rule lets out.
        key: Its key, with dots; without places in lists and without names that a person chose.
    """

    file: str
    left_out: LeftOut
    key: str = ""

    def below(self, key: str) -> "Place":
        """Return the place of a key."""
        return Place(self.file, self.left_out, f"{self.key}.{key}" if self.key else key)

    def note(self) -> None:
        """Note that the value stays."""
        self.left_out.note(self.file, self.key)


Rule = Callable[[Any, Place], Any]


def mapping(fields: Mapping[str, Rule]) -> Rule:
    """Let the named keys of a mapping out, each by its rule; the others stay."""

    def rule(value: Any, place: Place) -> dict[str, Any]:
        if not isinstance(value, Mapping):
            raise NotSharedError
        shared = {}
        for key, item in value.items():
            below = place.below(str(key))
            try:
                shared[key] = _known(fields, key)(item, below)
            except NotSharedError:
                below.note()
        return shared

    return rule


def by_name(name: Rule, item: Rule) -> Rule:
    """Let out a mapping whose keys are names, such as those of classes, where the names may go out themselves."""

    def rule(value: Any, place: Place) -> dict[str, Any]:
        if not isinstance(value, Mapping):
            raise NotSharedError
        shared = {}
        for key, content in value.items():
            try:
                shared[name(key, place)] = item(content, place.below("NAME"))
            except NotSharedError:
                place.below("NAME").note()
        return shared

    return rule


def each(item: Rule) -> Rule:
    """Let a list out where each of its items goes out."""

    def rule(value: Any, place: Place) -> list[Any]:
        if not isinstance(value, list | tuple):
            raise NotSharedError
        return [item(content, place) for content in value]

    return rule


def those_that_fit(item: Rule) -> Rule:
    """Let the items of a list out that go out by themselves."""

    def rule(value: Any, place: Place) -> list[Any]:
        if not isinstance(value, list | tuple):
            raise NotSharedError
        shared = []
        for content in value:
            try:
                shared.append(item(content, place))
            except NotSharedError:
                place.note()
        return shared

    return rule


def or_null(item: Rule) -> Rule:
    """Let null out, and what another rule does."""
    return lambda value, place: None if value is None else item(value, place)


def either(*rules: Rule) -> Rule:
    """Let out what one of several rules does."""

    def rule(value: Any, place: Place) -> Any:
        for one in rules:
            try:
                return one(value, place)
            except NotSharedError:
                continue
        raise NotSharedError

    return rule


def number(value: Any, _: Place) -> int | float:
    """Let a number out."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise NotSharedError
    return value


def flag(value: Any, _: Place) -> bool:
    """Let true and false out."""
    if not isinstance(value, bool):
        raise NotSharedError
    return value


def one_of(*words: str) -> Rule:
    """Let words of a closed list out."""

    def rule(value: Any, _: Place) -> str:
        if not isinstance(value, str) or value not in words:
            raise NotSharedError
        return value

    return rule


def pattern(expression: str) -> Rule:
    """Let texts of one form out."""
    compiled = re.compile(expression)

    def rule(value: Any, _: Place) -> str:
        if not isinstance(value, str) or not compiled.fullmatch(value):
            raise NotSharedError
        return value

    return rule


def text(value: Any, _: Place) -> str:
    """Let a text out that the program or a library wrote, and no person: a version, a name of a processor."""
    if not isinstance(value, str) or len(value) > _LONGEST_TEXT or not value.isprintable():
        raise NotSharedError
    return value


def always(constant: Any) -> Rule:
    """Let the same out whatever stands there, and note that where it is something else."""

    def rule(value: Any, place: Place) -> Any:
        if value != constant:
            place.note()
        return constant

    return rule


def renamed(names: Mapping[str, str]) -> Rule:
    """Let the pseudonym of a name out."""

    def rule(value: Any, _: Place) -> str:
        if not isinstance(value, str) or value not in names:
            raise NotSharedError
        return names[value]

    return rule


def in_order(item: Rule, key: Callable[[Any], Any] | None = None) -> Rule:
    """Let a list out, sorted: the order that it had may tell of names."""
    return lambda value, place: sorted(each(item)(value, place), key=key)


def nothing(_: Any, __: Place) -> Any:
    """Let nothing out."""
    raise NotSharedError


NUMBERS = each(number)
TIME = pattern(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?(Z|\+00:00)")
RUN_ID = pattern(r"run_[0-9]{8}_[0-9]{6}")
SHA256 = pattern(r"[0-9a-f]{64}")
STAGE = pattern(r"[a-z][a-z0-9_]{0,39}")


def _known(fields: Mapping[str, Rule], key: Any) -> Rule:
    return fields.get(key, nothing) if isinstance(key, str) else nothing


def only(names: Collection[str]) -> Rule:
    """Let names of a collection out."""
    return one_of(*names)
