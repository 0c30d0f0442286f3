"""The conditions that the bits of two runs depend on, compared from their folders."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from segtrail.experiment.resume_conditions import Difference, differences_of, recorded_conditions
from segtrail.provenance.folder import read_packages

# More would not be read.
_MOST_PACKAGES = 10


def compare_conditions(before: Path, now: Path) -> list[Difference]:
    """Compare machine, versions, code, data and every package of two runs.

    Args:
        before: The folder of the first run.
        now: The folder of the second one.

    Returns:
        What differs; nothing where the bits should be the same.
    """
    known = differences_of(recorded_conditions(before), recorded_conditions(now))
    named = {difference.what for difference in known}
    packages = [
        one for one in _compare_packages(before, now) if one.what.removeprefix("package ") not in named
    ]
    rest = packages[_MOST_PACKAGES:]
    more = [Difference("further packages", str(len(rest)), "others")] if rest else []
    return [*known, *packages[:_MOST_PACKAGES], *more]


def _compare_packages(before: Path, now: Path) -> Iterator[Difference]:
    first, second = _packages(before), _packages(now)
    if not first or not second:
        return
    for name in sorted(first.keys() | second.keys()):
        one, other = first.get(name), second.get(name)
        if one is None or other is None or one["version"] != other["version"]:
            yield Difference(f"package {name}", _version(one), _version(other))
        elif one["record_sha256"] != other["record_sha256"] and not (one["editable"] or other["editable"]):
            yield Difference(f"package {name}", f"{one['version']}, one build", "another build")


def _packages(run: Path) -> dict[str, Mapping[str, Any]]:
    return {package["name"]: package for package in read_packages(run) if package["name"] != "segtrail"}


def _version(package: Mapping[str, Any] | None) -> str:
    return "not installed" if package is None else str(package["version"])
