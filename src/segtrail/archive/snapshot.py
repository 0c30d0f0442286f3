"""The data set of a run, compared with the record before it is archived."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segtrail.archive.description import ArchivedFile, DataSnapshot, describe_file
from segtrail.config.load import load_config
from segtrail.dataset.containment import is_file_inside
from segtrail.dataset.names import fault_of_paths, shown_list
from segtrail.errors import CheckFailed, InputError
from segtrail.progress import Narrator
from segtrail.record.hashing import hash_text_file
from segtrail.record.recorded_training import is_recorded
from segtrail.record.resolved_config import FILE_NAME as CONFIG_FILE
from segtrail.record.run_folder import read_json
from segtrail.recording.data_files import FILE_NAME as DATA_FILES
from segtrail.recording.data_files import read_data_files


@dataclass(frozen=True)
class _Recorded:
    """Files that the record has one hash of: one file, or the files of an image with its channels apart."""

    belongs_to: str
    files: tuple[str, ...]
    sha256: str


def take_snapshot(run_dir: Path, root: Path, narrator: Narrator) -> DataSnapshot:
    """List every file of a data set that a run read, each compared with its hash on record.

    Args:
        run_dir: The run folder; its record holds.
        root: Folder of the data set.
        narrator: Shows progress.

    Returns:
        The files, by path.

    Raises:
        InputError: There is no such folder, or a name in it is not one for every system.
        CheckFailed: Files are missing or others than the run read.
    """
    if is_recorded(read_json(run_dir / "run.json")):
        recorded, fingerprint, left_out = _read_list(run_dir)
    else:
        recorded, fingerprint, left_out = _read_summary(run_dir, read_json(run_dir / "dataset_summary.json"))
    _refuse_unfit_paths(recorded)
    if not root.is_dir():
        raise InputError(
            f"There is no folder {root}, where the data of {run_dir.name} lay. Say with --data DIR where they lie now, "
            "or archive the run without --with-data."
        )
    missing = [
        f"{one.belongs_to}: {file} is missing"
        for one in recorded
        for file in one.files
        if not is_file_inside(root / file, root)
    ]
    _refuse(run_dir, root, missing)
    files = {}
    paths = sorted({file for one in recorded for file in one.files})
    with narrator.track("Comparing the data", len(paths)) as tracker:
        for path in paths:
            files[path] = describe_file(root, path)
            tracker.advance(path)
    changed = [
        f"{one.belongs_to}: {one.files[0]} is another file than the run read"
        for one in recorded
        if not _has_hash(one, root, files)
    ]
    _refuse(run_dir, root, changed)
    return DataSnapshot(fingerprint=fingerprint, left_out=left_out, files=list(files.values()))


def _read_list(run_dir: Path) -> tuple[list[_Recorded], str, list[str]]:
    """Return the files that were listed before a command of another program was recorded."""
    if not (run_dir / DATA_FILES).is_file():
        raise InputError(
            f"{run_dir.name} was recorded without a data set, so there is none to archive. Leave --with-data out."
        )
    files = read_data_files(run_dir / DATA_FILES)
    return (
        [_Recorded("the data set", (file.path,), file.sha256) for file in files],
        hash_text_file(run_dir / DATA_FILES),
        [],
    )


def _read_summary(run_dir: Path, summary: Mapping[str, Any]) -> tuple[list[_Recorded], str, list[str]]:
    """Return the files on record, the fingerprint of the data, and the cases that were left out."""
    try:
        left_out = [str(entry["case"]) for entry in summary.get("left_out", [])]
        return list(_recorded(run_dir, summary)), str(summary["fingerprint"]), left_out
    except (LookupError, TypeError, AttributeError):
        raise InputError(
            f"dataset_summary.json of {run_dir.name} does not name the files of its data as this segtrail expects. "
            "Archive the run without --with-data, and keep the data by other means."
        ) from None


def _recorded(run_dir: Path, summary: Mapping[str, Any]) -> Iterator[_Recorded]:
    name = load_config(run_dir / CONFIG_FILE).data.description_file
    yield _Recorded("description", (name,), summary["dataset_json_sha256"])
    for case in summary["cases"]:
        for part in ("image", "label"):
            files = case[part]["file"]
            files = (files,) if isinstance(files, str) else tuple(files)
            yield _Recorded(f"case {case['case']}", files, case[part]["sha256_file"])


def _refuse_unfit_paths(recorded: list[_Recorded]) -> None:
    paths = dict.fromkeys(file for one in recorded for file in one.files)
    if fault := fault_of_paths(list(paths)):
        raise InputError(
            f"The data set names {fault}. An archive is restored on any system, so such a data set is not "
            "archived. Archive the run without --with-data, and keep the data by other means."
        )


def _refuse(run_dir: Path, root: Path, faults: list[str]) -> None:
    if faults:
        raise CheckFailed(
            f"The data in {root} are not those of {run_dir.name}. {shown_list(faults)}. Nothing was archived. Say with "
            "--data DIR where the data of the run lie, or archive it without --with-data."
        )


def _has_hash(one: _Recorded, root: Path, files: Mapping[str, ArchivedFile]) -> bool:
    hashes = [files[file].sha256 for file in one.files]
    if len(hashes) > 1:
        return hashlib.sha256("".join(hashes).encode()).hexdigest() == one.sha256
    is_description = one.belongs_to == "description"  # it may have got other line ends
    return hashes[0] == one.sha256 or (is_description and hash_text_file(root / one.files[0]) == one.sha256)
