"""The classes and channels that a ``dataset.json`` names by their numbers."""

import re
import unicodedata
from collections.abc import Mapping
from typing import Any

from segtrail.dataset.names import fault_of_name, shown, shown_list
from segtrail.errors import InputError

MOST_LABELS = 256
"""As many values as a label map of uint8 tells apart, background included."""


def read_labels(content: Mapping[str, Any], file_name: str) -> dict[int, str]:
    """Read "labels".

    Args:
        content: What the description says.
        file_name: Its name, for the message.

    Returns:
        Class name by label value from 0, which is background.

    Raises:
        InputError: A value is missing or there twice, a name is missing or there twice, or there are too many.
    """
    expected = 'as {"0": "background", "1": "left atrium"}, numbered from 0 without a gap'
    labels = content.get("labels")
    if not isinstance(labels, dict):
        raise InputError(f'"labels" in {file_name} must name the label values, {expected}.')
    if len(labels) > MOST_LABELS:
        raise InputError(
            f'"labels" in {file_name} names {len(labels)} values; segtrail can tell {MOST_LABELS} apart at most, '
            "background included."
        )
    names = _by_number("labels", labels, file_name, expected)
    if len(names) < 2:
        raise InputError(f'"labels" in {file_name} names no class besides background; expected {expected}.')
    _refuse_same_names(names, file_name)
    return names


def read_channels(content: Mapping[str, Any], file_name: str) -> dict[str, str]:
    """Read "modality"; a description without it has one channel.

    Args:
        content: What the description says.
        file_name: Its name, for the message.

    Returns:
        Channel name by channel number, as strings from "0".

    Raises:
        InputError: It names no channel, a number is missing or there twice, or a name is missing.
    """
    expected = 'as {"0": "MRI"} or {"0": "T1", "1": "T2"}, numbered from 0 without a gap'
    modality = content.get("modality", {"0": "image"})
    if not isinstance(modality, dict) or not modality:
        raise InputError(f'"modality" in {file_name} must name the channels, {expected}.')
    return {
        str(number): name for number, name in _by_number("modality", modality, file_name, expected).items()
    }


def _by_number(key: str, named: Mapping[str, Any], file_name: str, expected: str) -> dict[int, str]:
    names: dict[int, str] = {}
    for text, name in named.items():
        if not re.fullmatch(r"[0-9]{1,9}", text):
            raise InputError(
                f'"{key}" in {file_name} has the key "{shown(text)}", which is no number; expected {expected}.'
            )
        number = int(text)
        if number in names:
            raise InputError(f'"{key}" in {file_name} names {number} twice; expected {expected}.')
        fault = fault_of_name(name) if isinstance(name, str) else "is no text"
        if fault:
            raise InputError(
                f'The name of {number} under "{key}" in {file_name} {fault}; expected {expected}.'
            )
        names[number] = name
    if sorted(names) != list(range(len(names))):
        values = shown_list([str(number) for number in sorted(names)])
        raise InputError(f'"{key}" in {file_name} has the values {values}; expected {expected}.')
    return dict(sorted(names.items()))


def _refuse_same_names(names: Mapping[int, str], file_name: str) -> None:
    numbers: dict[str, int] = {}
    for number, name in names.items():
        first = numbers.setdefault(unicodedata.normalize("NFC", name).strip(), number)
        if first != number:
            raise InputError(
                f'"labels" in {file_name} gives {first} and {number} one name, {name}. Give each class a name of its '
                "own, since results are told apart by it."
            )
