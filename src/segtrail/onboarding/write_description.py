"""The ``dataset.json`` that init writes, in the decathlon's layout."""

import json
from typing import Any

from segtrail.dataset.description import CaseFiles, case_name
from segtrail.onboarding.naming import ClassNames


def description_text(
    name: str,
    cases: tuple[CaseFiles, ...],
    unlabelled: tuple[tuple[str, ...], ...],
    classes: ClassNames,
    channels: tuple[str, ...],
) -> str:
    """Describe a data set; what the files can't tell (licence, source) is left empty to be filled in.

    Args:
        name: Name of the data set.
        cases: The labelled cases.
        unlabelled: Images for testing, one tuple of files for each.
        classes: Names of the classes, and how their values were renumbered.
        channels: Names of the channels.

    Returns:
        JSON text.
    """
    described: dict[str, Any] = {
        "name": name,
        "description": "",
        "licence": "",
        "reference": "",
        "tensorImageSize": "3D" if len(channels) == 1 else "4D",
        "modality": {str(number): name for number, name in enumerate(channels)},
        "labels": {str(value): name for value, name in classes.names.items()},
    }
    if classes.numbers:
        described["renumbered"] = {str(value): number for value, number in classes.numbers.items()}
    described |= {
        "numTraining": len(cases),
        "numTest": len(unlabelled),
        "training": [_entry(case) for case in cases],
        "test": [_one_or_several(files) for files in unlabelled],
    }
    return json.dumps(described, indent=2, ensure_ascii=False) + "\n"


def _entry(case: CaseFiles) -> dict[str, Any]:
    entry: dict[str, Any] = {"image": _one_or_several(case.images), "label": case.label}
    if case.case != case_name(case.images[0]):
        entry["case"] = case.case
    if case.group is not None:
        entry["group"] = case.group
    return entry


def _one_or_several(files: tuple[str, ...]) -> str | list[str]:
    return files[0] if len(files) == 1 else list(files)
