"""The data set of a run as Croissant metadata: what it is, its files with hashes, and how it was split."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import quote

from segtrail.atomic import write_json
from segtrail.dataset.containment import is_file_inside
from segtrail.dataset.names import fault_of_paths
from segtrail.errors import InputError
from segtrail.export.extras import import_extra
from segtrail.record.hashing import hash_file
from segtrail.record.local_paths import recall_data_root
from segtrail.recording.data_files import FILE_NAME as DATA_FILES
from segtrail.recording.data_files import read_data_files
from segtrail.report.dataset_schema import MeasuredDataset, MeasuredFile
from segtrail.report.run_contents import RunContents, read_json_file, read_run

FILE_NAME = "croissant.json"
_SUMMARY = "dataset_summary.json"
# IANA has registered none for NIfTI; this one is in use.
_NIFTI = "application/x-nifti"
_FORMATS = {".nii": _NIFTI, ".gz": _NIFTI, ".json": "application/json", ".csv": "text/csv"}
_SPLITS = {
    "train": "cr:TrainingSplit",
    "val": "cr:ValidationSplit",
    "test": "cr:TestSplit",
    "unused": "",
}


@dataclass(frozen=True)
class _HashedFile:
    """A file of the data set; its path is relative to that of the data set."""

    path: str
    sha256: str


def export_croissant(folder: Path, target: Path, data_root: Path | None = None) -> dict[str, Any]:
    """Write the metadata of a run's data set in the format of https://docs.mlcommons.org/croissant/, version 1.0.

    Args:
        folder: The folder of a run or of a record of another program, finished or not.
        target: A new folder.
        data_root: Where the data set lies, which is read only where several files have one hash together; None for
            where this machine last saw it.

    Returns:
        How many ``files`` and ``cases`` it names, and ``warnings`` of mlcroissant about what the data set does not say.

    Raises:
        InputError: mlcroissant is not installed, or the run names no files of its data set, as a shared copy doesn't,
            or they are not as it says.
    """
    contents = read_run(folder)
    croissant = import_extra("mlcroissant", "croissant")
    files, dataset = _read(contents, data_root)
    _refuse_strange_paths(folder, files)
    try:
        metadata = _metadata(croissant, contents, files, dataset)
    except croissant.ValidationError as error:
        raise InputError(f"The data set of {folder.name} can't be told in Croissant. {error}") from None
    write_json(target / FILE_NAME, {**metadata.to_json(), **_beyond_croissant(contents)})
    warnings = sorted(metadata.ctx.issues.warnings)
    return {"files": len(files), "cases": len(dataset.cases) if dataset else 0, "warnings": warnings}


def _read(contents: RunContents, data_root: Path | None) -> tuple[list[_HashedFile], MeasuredDataset | None]:
    """Return the files of the data set, and what is known of its cases, which a recorded program does not tell.

    Raises:
        InputError: They are not on record.
    """
    folder = contents.folder
    if contents.run.recorded is not None:
        if not (folder / DATA_FILES).is_file():
            raise InputError(f"{folder.name} was recorded without a data set, so there is none to tell of.")
        return [_HashedFile(file.path, file.sha256) for file in read_data_files(folder / DATA_FILES)], None
    if contents.share is not None:
        raise InputError(
            f"{folder.name} is a copy for use elsewhere, which names no files. Export the run itself."
        )
    dataset = read_json_file(folder / _SUMMARY, MeasuredDataset)
    if dataset is None:
        raise InputError(
            f"{folder.name} has no {_SUMMARY}, so it does not say which files it was trained on."
        )
    root = data_root or recall_data_root(folder)
    files = list(_description_file(contents, dataset))
    for case in dataset.cases:
        for part in (case.image, case.label):
            files += _files_of(part, root)
    return files, dataset


def _description_file(contents: RunContents, dataset: MeasuredDataset) -> Iterator[_HashedFile]:
    """Give the file that names all others, where its hash is on record."""
    if dataset.dataset_json_sha256:
        data: Mapping[str, Any] = (contents.config or {}).get("data") or {}
        yield _HashedFile(str(data.get("description_file") or "dataset.json"), dataset.dataset_json_sha256)


def _files_of(part: MeasuredFile, root: Path | None) -> Iterator[_HashedFile]:
    """Give the files of an image with the hash of each.

    Raises:
        InputError: It has several files, and they can't be read or are not those of the run.
    """
    if len(part.files) == 1:
        yield _HashedFile(part.files[0], part.sha256_file)
        return
    named = ", ".join(part.files)
    if root is None or not all(is_file_inside(root / name, root) for name in part.files):
        raise InputError(
            f"{named} have one hash together in the run, so they are read anew, and they are not there. Say with "
            "--data where the data set lies now."
        )
    hashes = [hash_file(root / name) for name in part.files]
    if hashlib.sha256("".join(hashes).encode()).hexdigest() != part.sha256_file:
        raise InputError(
            f"{named} in {root} are not those of the run. Say with --data where its data set lies."
        )
    for name, sha256 in zip(part.files, hashes, strict=True):
        yield _HashedFile(name, sha256)


def _refuse_strange_paths(folder: Path, files: Sequence[_HashedFile]) -> None:
    if fault := fault_of_paths(list(dict.fromkeys(file.path for file in files))):
        raise InputError(
            f"The data set of {folder.name} names {fault}. Croissant names files by addresses that hold anywhere."
        )


def _metadata(
    croissant: Any, contents: RunContents, files: Sequence[_HashedFile], dataset: MeasuredDataset | None
) -> Any:
    return croissant.Metadata(
        **(_told_by_dataset(dataset) if dataset else _told_by_record(contents)),
        distribution=[_file(croissant, file) for file in {file.path: file for file in files}.values()],
        record_sets=_record_sets(croissant, dataset) if dataset else [],
    )


def _told_by_dataset(dataset: MeasuredDataset) -> dict[str, Any]:
    known = {
        "name": dataset.name or "Data set",
        "description": dataset.description,
        "license": [dataset.licence] if dataset.licence else None,
        "cite_as": dataset.reference,
    }
    return {key: value for key, value in known.items() if value}


def _told_by_record(contents: RunContents) -> dict[str, Any]:
    return {
        "name": f"Data set of {contents.run.run_id}",
        "description": "The files of the data set, as they were when the training of another program began.",
    }


def _beyond_croissant(contents: RunContents) -> dict[str, Any]:
    """Return what schema.org has a name for and mlcroissant does not write."""
    if contents.dataset is None:
        return {}
    # A version that is not of the form 1.2.3 is still what the data set calls itself.
    known = {"identifier": contents.dataset.fingerprint, "version": contents.dataset.release}
    return {key: text for key, text in known.items() if text}


def _file(croissant: Any, file: _HashedFile) -> Any:
    path = PurePosixPath(file.path)
    return croissant.FileObject(
        id=quote(file.path),
        name=path.name,
        content_url=file.path,
        encoding_formats=[_FORMATS.get(path.suffix.lower(), "application/octet-stream")],
        sha256=file.sha256,
    )


def _record_sets(croissant: Any, dataset: MeasuredDataset) -> list[Any]:
    kinds = croissant.DataType
    sides = [side for side in _SPLITS if any(case.side == side for case in dataset.cases)]
    splits = [{"name": side, "url": _SPLITS[side]} for side in sides]
    classes = [{"value": int(value), "name": name} for value, name in dataset.labels.items()]
    cases = [
        {"name": case.case, "split": case.side, "image": case.image.files, "label": case.label.files}
        for case in dataset.cases
    ]
    text = kinds.TEXT
    return [
        _record_set(
            croissant,
            "splits",
            "The sides of the split.",
            splits,
            {"name": text, "url": kinds.URL},
            kinds.SPLIT,
        ),
        _record_set(
            croissant,
            "classes",
            "What the values of the label maps mean.",
            classes,
            {"value": kinds.INTEGER, "name": text},
            "sc:Enumeration",
        ),
        _record_set(
            croissant,
            "cases",
            f"Image and label map of each case; channels of the image: {', '.join(dataset.modality.values())}.",
            cases,
            dict.fromkeys(("name", "split", "image", "label"), text),
        ),
    ]


def _record_set(
    croissant: Any,
    name: str,
    description: str,
    rows: Sequence[Mapping[str, Any]],
    kinds: Mapping[str, Any],
    kind: Any = None,
) -> Any:
    """Return a table inside the metadata; its first column is its key, and a column ``split`` refers to the splits."""
    to_split = {"references": croissant.Source(field="splits/name")}
    lists = {column for column in kinds if any(isinstance(row[column], list) for row in rows)}
    fields = [
        croissant.Field(
            id=f"{name}/{column}",
            name=column,
            data_types=[column_kind],
            repeated=True if column in lists else None,
            **(to_split if column == "split" else {}),
        )
        for column, column_kind in kinds.items()
    ]
    return croissant.RecordSet(
        id=name,
        name=name,
        description=description,
        data_types=[kind] if kind else [],
        key=[f"{name}/{next(iter(kinds))}"],
        fields=fields,
        data=[{f"{name}/{column}": value for column, value in row.items()} for row in rows],
    )
