"""What nnU-Net itself measured of its validation, for a comparison."""

import re
from collections.abc import Collection, Mapping
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from segtrail.dataset.names import shown_list
from segtrail.errors import InputError
from segtrail.recording.nnunet.json_file import read_mapping


def read_summary(fold: Path, classes: Mapping[str, tuple[int, ...]]) -> dict[str, dict[str, float | None]]:
    """Read the Dice of each case and class in ``validation/summary.json``.

    Args:
        fold: The fold's folder.
        classes: Label values of each class by its name.

    Returns:
        Dice by class, by case; None where neither label map has the class.

    Raises:
        InputError: The file is missing or damaged.
    """
    summary = read_mapping(fold / "validation" / "summary.json", fold / "validation")
    entries = summary.get("metric_per_case")
    if not isinstance(entries, list):
        raise InputError('summary.json in validation has no list "metric_per_case".')
    return dict(_dice_of(entry, classes) for entry in entries)


def compare_cases(summary: Collection[str], with_label_maps: Collection[str]) -> list[str]:
    """Compare the cases that nnU-Net measured with those that have a label map.

    Args:
        summary: The cases in its summary.
        with_label_maps: The cases that will be measured.

    Returns:
        What differs, in sentences; empty where nothing does.
    """
    without_summary, without_map = set(with_label_maps) - set(summary), set(summary) - set(with_label_maps)
    cases = [
        ("summary.json does not name these cases, which have a label map", sorted(without_summary)),
        ("summary.json names these cases, which were not measured", sorted(without_map)),
    ]
    return [f"{what}: {shown_list(names)}." for what, names in cases if names]


def _dice_of(entry: Any, classes: Mapping[str, tuple[int, ...]]) -> tuple[str, dict[str, float | None]]:
    try:
        case = _case_of(str(entry["prediction_file"]))
        by_values = {_values_of(key): metrics.get("Dice") for key, metrics in entry["metrics"].items()}
    except (KeyError, TypeError, AttributeError, ValueError):
        raise InputError("summary.json in validation has an entry that nnU-Net did not write.") from None
    found = {name: by_values.get(tuple(sorted(set(values)))) for name, values in classes.items()}
    return case, {
        name: float(dice) if isinstance(dice, int | float) else None for name, dice in found.items()
    }


def _case_of(path: str) -> str:
    """Return the case of a path as any system writes it; the path itself is never followed."""
    name = (PureWindowsPath if "\\" in path else PurePosixPath)(path).name
    return re.sub(r"\.nii(\.gz)?$", "", name)


def _values_of(key: str) -> tuple[int, ...]:
    """Read ``1`` or ``(1, 2)``."""
    return tuple(sorted({int(part) for part in key.strip("()").split(",") if part.strip()}))
