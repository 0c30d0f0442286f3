"""The folder ``provenance`` of a run: what lies in it, written and read back without torch."""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from segtrail.atomic import write_bytes
from segtrail.errors import InputError
from segtrail.record.hashing import hash_file
from segtrail.record.journal import FILE_NAME as JOURNAL
from segtrail.record.journal import Entry, read_journal
from segtrail.record.run_folder import read_json

FOLDER = "provenance"
FILE_NAME = "provenance.json"
PACKAGES = "packages.json"
BILL_OF_MATERIALS = "sbom.cdx.json"
SCHEMA_VERSION = 1


def write_provenance(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write what was collected.

    Args:
        folder: The folder; made if it is not there.
        files: The files by name.
    """
    folder.mkdir(exist_ok=True)
    for name, content in files.items():
        write_bytes(folder / name, content)


def hash_provenance(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of each file of the folder by its name."""
    return {path.name: hash_file(path) for path in sorted(folder.iterdir()) if path.is_file()}


def known_provenance(entries: Sequence[Entry]) -> dict[str, str]:
    """Return the SHA-256 of each file of the folder that a run's journal saw written, by its path in it."""
    known: dict[str, str] = {}
    for entry in entries:
        if entry.action in ("run opened", "resumed"):
            known |= entry.details.get("provenance", {})
    return known


def remove_unknown_provenance(run_dir: Path) -> None:
    """Remove what was written when a run was gone on with and killed before the journal knew of it."""
    known = known_provenance(read_journal(run_dir / JOURNAL))
    for folder in (run_dir / FOLDER).glob("resumed_*"):
        if not any(name.startswith(f"{folder.name}/") for name in known):
            shutil.rmtree(folder)


def read_provenance(run_dir: Path) -> dict[str, Any]:
    """Read ``provenance.json`` of a run.

    Raises:
        InputError: It is missing, damaged or of another schema version.
    """
    return read_json(run_dir / FOLDER / FILE_NAME, run_dir.name)


def read_packages(run_dir: Path) -> list[dict[str, Any]]:
    """Return the packages of a run, as ``packages.json`` has them; none for a run of an older version.

    Raises:
        InputError: The file is damaged or of another schema version.
    """
    path = run_dir / FOLDER / PACKAGES
    packages: list[dict[str, Any]] = read_json(path, run_dir.name)["packages"] if path.is_file() else []
    return packages


def power_limit_watts(run_dir: Path) -> float | None:
    """Return the most power that the graphics card of a run draws; None where it is not known."""
    try:
        (card,) = read_provenance(run_dir)["machine"]["graphics_cards"]
        return float(card["power_limit_watts"])
    except (InputError, LookupError, TypeError, ValueError):
        return None
