"""One hash in place of those of all data files: it commits to every file, and tells of none without the salt."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from segtrail.config.load import load_config
from segtrail.dataset.containment import is_file_inside
from segtrail.dataset.names import shown_list
from segtrail.errors import CheckFailed, InputError
from segtrail.record.hashing import hash_file, hash_text_file
from segtrail.record.resolved_config import FILE_NAME as CONFIG_FILE
from segtrail.record.run_folder import read_json
from segtrail.sharing.salt import frame, keyed_hash

ALGORITHM = "SHA-256 over the sorted HMAC-SHA256 of every data file; docs/METHODS.md, section 13"
COMMITMENT_ALGORITHM = "HMAC-SHA256 of the fingerprint; docs/METHODS.md, section 13"
_LEAF = "segtrail share file 1"
_ROOT = "segtrail share root 1"
_FINGERPRINT = "segtrail share fingerprint 1"
_DESCRIPTION = "description"


@dataclass(frozen=True)
class DataFile:
    """What a run has one hash of: a file, or the files of an image with its channels apart.

    Attributes:
        role: ``description``, ``image`` or ``label``.
        paths: Relative to the data set's folder, with forward slashes.
        sha256: Of its bytes; of several files, of their hashes in hex one after the other.
    """

    role: str
    paths: tuple[str, ...]
    sha256: str


def recorded_files(run_dir: Path) -> list[DataFile]:
    """List the data files of a run, as its record has them.

    Raises:
        InputError: The record does not name them.
    """
    summary = read_json(run_dir / "dataset_summary.json")
    try:
        return list(_recorded(run_dir, summary))
    except (LookupError, TypeError, AttributeError):
        raise InputError(
            f"dataset_summary.json of {run_dir.name} does not name the files of its data as this segtrail expects, so "
            "that no root can be made of them. Use the segtrail that made the run."
        ) from None


def found_files(run_dir: Path, root: Path) -> list[DataFile]:
    """Hash the data files of a run as they are now.

    Args:
        run_dir: The run folder, which names them.
        root: Folder of the data set.

    Returns:
        The files, as ``recorded_files`` lists them.

    Raises:
        CheckFailed: Some are not there.
    """
    recorded = recorded_files(run_dir)
    missing = [path for file in recorded for path in file.paths if not is_file_inside(root / path, root)]
    if missing:
        raise CheckFailed(f"{shown_list(missing)} of the data set can't be found in {root}.")
    return [replace(file, sha256=_hash_now(file, root)) for file in recorded]


def salted_root(salt: bytes, files: Sequence[DataFile]) -> str:
    """Hash all files together; their order does not matter.

    Args:
        salt: The salt of the copy.
        files: The data files.

    Returns:
        SHA-256 in hex.
    """
    leaves = sorted(keyed_hash(salt, _LEAF, file.role, *file.paths, file.sha256) for file in files)
    return hashlib.sha256(frame([_ROOT, *leaves])).hexdigest()


def commit_to(salt: bytes, fingerprint: str) -> str:
    """Hash the fingerprint of the run, so that only who has the salt can say which run it was."""
    return keyed_hash(salt, _FINGERPRINT, fingerprint)


def _recorded(run_dir: Path, summary: Mapping[str, Any]) -> Iterator[DataFile]:
    name = load_config(run_dir / CONFIG_FILE).data.description_file
    yield DataFile(_DESCRIPTION, (name,), str(summary["dataset_json_sha256"]))
    for case in summary["cases"]:
        for role in ("image", "label"):
            names = case[role]["file"]
            names = [names] if isinstance(names, str) else names
            yield DataFile(role, tuple(map(str, names)), str(case[role]["sha256_file"]))


def _hash_now(file: DataFile, root: Path) -> str:
    hashes = [hash_file(root / path) for path in file.paths]
    if len(hashes) > 1:
        return hashlib.sha256("".join(hashes).encode()).hexdigest()
    if file.role == _DESCRIPTION and hash_text_file(root / file.paths[0]) == file.sha256:
        return file.sha256  # it was given other line ends
    return hashes[0]
