"""The classes that nnU-Net's ``dataset.json`` names."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from segtrail.dataset.names import fault_of_name, shown
from segtrail.errors import InputError

_HIGHEST_VALUE = 65535
_BACKGROUND = (0,)


@dataclass(frozen=True)
class Classes:
    """The classes of a training.

    Attributes:
        values: Label values by name, without background; several where classes are regions.
        ignored: Value of the label ``ignore``; None where there is none.
    """

    values: Mapping[str, tuple[int, ...]]
    ignored: int | None


def read_classes(dataset: Mapping[str, Any]) -> Classes:
    """Read the labels of a ``dataset.json``.

    Args:
        dataset: What it says.

    Raises:
        InputError: It names no classes, or one in another way than nnU-Net does.
    """
    labels = dataset.get("labels")
    if not isinstance(labels, dict) or not labels:
        raise InputError('"labels" in dataset.json names no classes.')
    values: dict[str, tuple[int, ...]] = {}
    for name, value in labels.items():
        fault = fault_of_name(name)
        if fault is not None:
            raise InputError(f'A name under "labels" in dataset.json {fault}.')
        values[name] = _values(name, value)
    ignored = values.pop("ignore", None)
    return Classes(
        values={name: value for name, value in values.items() if value != _BACKGROUND},
        ignored=ignored[0] if ignored else None,
    )


def _values(name: str, given: Any) -> tuple[int, ...]:
    listed = given if isinstance(given, list) else [given]
    values = {_value(value) for value in listed}
    if not listed or None in values:
        raise InputError(
            f'"labels" in dataset.json gives {shown(name)} the value {shown(str(given))}; expected a whole number from '
            f"0 to {_HIGHEST_VALUE}, or a list of them."
        )
    return tuple(sorted(value for value in values if value is not None))


def _value(given: Any) -> int | None:
    if isinstance(given, str) and given.isascii() and given.isdigit() and len(given) < 6:
        given = int(given)
    return given if type(given) is int and 0 <= given <= _HIGHEST_VALUE else None
