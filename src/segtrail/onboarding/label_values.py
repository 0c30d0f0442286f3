"""The values in label maps: which class each stands for, and copies numbered anew where values leave gaps."""

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np

from segtrail.dataset.description import CaseFiles
from segtrail.errors import InputError
from segtrail.images.nifti import read_volume, write_label_map
from segtrail.onboarding.destination import keep_aside
from segtrail.onboarding.facts import DataFacts
from segtrail.onboarding.find_files import RENUMBERED_FOLDER

_MOST_VALUES = 256
_PARTIAL_FOLDER = f".{RENUMBERED_FOLDER}.partial"


def class_values(facts: DataFacts, files: Sequence[CaseFiles]) -> tuple[int, ...]:
    """Return the values of the classes, background left out.

    Args:
        facts: What the files hold.
        files: The same cases' files, for messages.

    Returns:
        The values above 0, rising.

    Raises:
        InputError: Values are fractional, negative or too many, or no label map marks anything.
    """
    fractional = [value for value in facts.label_values if not float(value).is_integer()]
    if fractional:
        raise InputError(
            f"Label maps hold values that are no whole numbers: {_values(fractional)} "
            f"({_where(facts, files, fractional)}). They may be probabilities, or were resampled with interpolation. "
            "Export them again as whole numbers, or say which files are the labels with --labels."
        )
    if len(facts.label_values) > _MOST_VALUES:
        many = facts.label_values[-1:]
        raise InputError(
            f"The label maps hold more than {_MOST_VALUES} different values ({_where(facts, files, many)}), as images "
            "do. Say which files are the labels with --labels, and which are the images with --images."
        )
    negative = [value for value in facts.label_values if value < 0]
    if negative:
        raise InputError(
            f"Label maps hold negative values: {_values(negative)} ({_where(facts, files, negative)}). segtrail knows "
            "no ignored voxels: give these voxels a class, or make them background (0)."
        )
    values = tuple(int(value) for value in facts.label_values if value != 0)
    if not values:
        raise InputError(
            f"No label map marks a voxel; all hold 0 alone ({_where(facts, files, (0.0,))}). Say which files are the "
            "labels with --labels."
        )
    return values


def renumbering(values: Sequence[int]) -> dict[int, int]:
    """Return the new number of each class value; empty where they are 1, 2, 3 and so on already."""
    numbers = {value: number for number, value in enumerate(values, start=1)}
    return {} if all(value == number for value, number in numbers.items()) else numbers


def describe_gaps(numbers: dict[int, int], facts: DataFacts, files: Sequence[CaseFiles]) -> str:
    """Say that values leave gaps, and what can be done."""
    out_of_order = [float(value) for value, number in numbers.items() if value != number]
    return (
        f"The label maps hold the values {_values([0.0, *map(float, numbers)])}, but classes are numbered 1, 2, 3 "
        f"without a gap ({_where(facts, files, out_of_order)}). Add --renumber: it writes copies of the label maps to "
        f"{RENUMBERED_FOLDER}/ with {describe_renumbering(numbers)}, and leaves your own as they are."
    )


def describe_renumbering(numbers: dict[int, int]) -> str:
    """Return the new numbers in words."""
    return ", ".join(f"{value} as {number}" for value, number in numbers.items())


def renumbered_files(cases: Sequence[CaseFiles]) -> tuple[CaseFiles, ...]:
    """Return the cases with the label files that ``renumbered_labels`` makes."""
    return tuple(replace(case, label=f"{RENUMBERED_FOLDER}/{case.case}.nii.gz") for case in cases)


@contextmanager
def renumbered_labels(
    folder: Path, cases: Sequence[CaseFiles], numbers: dict[int, int], on_case: Callable[[str], None]
) -> Iterator[list[Path]]:
    """Write copies of the label maps with other values; they stay unless what follows in the context fails.

    Args:
        folder: Folder of the data set.
        cases: The cases, with their own label files.
        numbers: New value by old.
        on_case: Called with each case's name when its copy is written.

    Yields:
        Where older copies were moved to.

    Raises:
        InputError: The disk is full or the folder read-only; nothing stays behind.
    """
    partial, final = folder / _PARTIAL_FOLDER, folder / RENUMBERED_FOLDER
    kept: list[Path] = []
    try:
        _write_copies(folder, partial, cases, numbers, on_case)
        if os.path.lexists(final):
            kept.append(keep_aside(final))
        partial.replace(final)
    except OSError as error:
        raise InputError(f"The label maps can't be written to {final}: {error.strerror}.") from None
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    try:
        yield kept
    except BaseException:
        shutil.rmtree(final, ignore_errors=True)
        for old in kept:
            old.replace(final)
        raise


def _write_copies(
    folder: Path,
    target: Path,
    cases: Sequence[CaseFiles],
    numbers: dict[int, int],
    on_case: Callable[[str], None],
) -> None:
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()
    for case in cases:
        label = read_volume(folder / case.label)
        renumbered = np.zeros(label.spatial_shape, dtype=np.uint8)
        for value, number in numbers.items():
            renumbered[label.data[0] == value] = number
        write_label_map(target / f"{case.case}.nii.gz", renumbered, label.placement)
        on_case(case.case)


def _values(values: Sequence[float]) -> str:
    shown = ", ".join(f"{value:g}" for value in values[:8])
    return f"{shown} and others" if len(values) > 8 else shown


def _where(facts: DataFacts, files: Sequence[CaseFiles], values: Sequence[float]) -> str:
    """Name the first label files that hold one of these values."""
    holding = [
        case.label
        for case, fact in zip(files, facts.cases, strict=True)
        if set(values) & set(fact.label_values)
    ]
    return f"{', '.join(holding[:3])}{f' and {len(holding) - 3} more files' if len(holding) > 3 else ''}"
