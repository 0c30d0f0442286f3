"""What the rules of one copy depend on: the names in it, and what whoever shares it chose."""

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from segtrail.config.quick_yaml import load_quickly
from segtrail.errors import InputError
from segtrail.record.resolved_config import FILE_NAME as CONFIG_FILE
from segtrail.record.run_folder import read_json
from segtrail.record.table import read_rows
from segtrail.sharing.pseudonyms import Pseudonyms

NOT_SHARED = "not shared"
UNNAMED = "an unnamed data set"


@dataclass(frozen=True)
class Choices:
    """What goes out besides what always does.

    Attributes:
        weights: The network, ``checkpoints/best.pt``.
        code: The sources, ``provenance/code.zip``, and what names them.
        description: What ``dataset.json`` says of the data set in words.
    """

    weights: bool = False
    code: bool = False
    description: bool = False

    def as_mapping(self) -> dict[str, bool]:
        """Return them as ``share.json`` holds them."""
        return {"weights": self.weights, "code": self.code, "description": self.description}


@dataclass(frozen=True)
class Terms:
    """What the rules of one copy depend on.

    Attributes:
        choices: What goes out besides what always does.
        pseudonyms: Names in the copy.
        classes: Names of the classes, background included; a network can't be used without them.
        root: The salted root of the data files.
    """

    choices: Choices
    pseudonyms: Pseudonyms
    classes: tuple[str, ...]
    root: str


@dataclass(frozen=True)
class Names:
    """The names in a run.

    Attributes:
        cases: Of cases, those included that were left out.
        groups: Of groups, which are patients or centres.
        classes: Of classes, background included.
    """

    cases: frozenset[str]
    groups: frozenset[str]
    classes: tuple[str, ...]


def names_in(folder: Path) -> Names:
    """Collect the names in a run or in a copy of one.

    Args:
        folder: Its folder.

    Raises:
        InputError: A file of it is missing or damaged.
    """
    summary = read_json(folder / "dataset_summary.json")
    config = read_config(folder)
    try:
        cases = frozenset(_cases_in(folder, summary, config))
        groups = {entry.get("group") for entry in summary["cases"]} | {*_groups_of(config)}
        classes = tuple(map(str, summary["labels"].values()))
    except (LookupError, TypeError, AttributeError, ValueError, OSError, csv.Error) as error:
        raise InputError(
            f"The files of {folder.name} do not name its cases as this segtrail expects ({type(error).__name__}: "
            f"{error}). Use the segtrail that made it."
        ) from None
    return Names(cases, frozenset(str(group) for group in groups if group is not None), classes)


def read_config(folder: Path) -> dict[str, Any]:
    """Read ``config_resolved.yaml`` as plain values.

    Raises:
        InputError: It is missing or damaged.
    """
    try:
        values = load_quickly((folder / CONFIG_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        raise InputError(f"{CONFIG_FILE} of {folder.name} can't be read: {error}.") from None
    if not isinstance(values, dict):
        raise InputError(f"{CONFIG_FILE} of {folder.name} holds no sections.")
    return values


def _cases_in(folder: Path, summary: Mapping[str, Any], config: Mapping[str, Any]) -> Iterator[str]:
    yield from (entry["case"] for entry in [*summary["cases"], *summary.get("left_out", [])])
    for side in ("train", "val", "test"):
        yield from summary["split"].get(side) or ()
        yield from (config.get("split") or {}).get(side) or ()
    yield from (case for members in _groups_of(config).values() for case in members)
    if (folder / "metrics_cases.csv").is_file():
        yield from (row["case"] for row in read_rows(folder / "metrics_cases.csv"))
    for name in ("calibration.json", "inference.json", "regions.json"):
        if (folder / name).is_file():
            yield from (entry["case"] for entry in read_json(folder / name)["cases"])


def _groups_of(config: Mapping[str, Any]) -> Mapping[str, Any]:
    groups = (config.get("split") or {}).get("groups") or {}
    return groups if isinstance(groups, Mapping) else {}
