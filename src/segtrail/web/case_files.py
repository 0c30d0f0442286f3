"""The volumes of a case: image and reference in the data set of the run, the prediction in its folder."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

from pydantic import Field

from segtrail.dataset.containment import is_file_inside
from segtrail.dataset.names import fault_of_case_name, fault_of_path
from segtrail.errors import InputError
from segtrail.record.local_paths import recall_data_root
from segtrail.report.dataset_schema import DatasetCase
from segtrail.report.record_schema import RecordPart
from segtrail.report.run_contents import read_json_file
from segtrail.web.served_files import NotServed, file_of_run

_SUFFIXES = (".nii.gz", ".nii")
Layer = Literal["image", "reference", "prediction"]


class _FileOnRecord(RecordPart):
    """A volume of the data set: its file, or those of its channels."""

    file: str | list[str]


class _CaseOnRecord(DatasetCase):
    """A case with its files; a shared copy names none."""

    image: _FileOnRecord | None = None
    label: _FileOnRecord | None = None


class _DatasetOnRecord(RecordPart):
    """What is read here of dataset_summary.json."""

    cases: list[_CaseOnRecord]
    labels: dict[str, str] = Field(default_factory=dict)


@dataclass(frozen=True)
class Volume:
    """A file of a case.

    Attributes:
        layer: What it shows.
        name: What a person calls it.
        path: Where it lies on this machine.
        recorded: How the record names it: relative to the data set, or to the run folder.
    """

    layer: Layer
    name: str
    path: Path
    recorded: str

    @property
    def suffix(self) -> str:
        """How its name ends."""
        return next(suffix for suffix in _SUFFIXES if self.recorded.lower().endswith(suffix))


@dataclass(frozen=True)
class CaseFiles:
    """What there is of a case.

    Attributes:
        case: Its name.
        side: Its side of the split; None where that is not on record.
        volumes: Its volumes that are there.
        classes: Name by label value.
        missing: What is not there and why, in sentences.
    """

    case: str
    side: str | None
    volumes: Sequence[Volume]
    classes: dict[str, str]
    missing: Sequence[str]


def find_case(run_folder: Path, case: str) -> CaseFiles:
    """Find the volumes of a case of a run.

    Args:
        run_folder: The run folder.
        case: The name of the case.

    Returns:
        What is there, and what is not.

    Raises:
        NotServed: The run has no such case.
    """
    if fault_of_case_name(case) is not None:
        raise NotServed("The run has no such case.")
    volumes: list[Volume] = []
    missing: list[str] = []
    try:
        dataset = read_json_file(run_folder / "dataset_summary.json", _DatasetOnRecord)
    except InputError:
        dataset = None
        missing.append(
            "dataset_summary.json can't be read, so nobody knows which files are those of the case."
        )
    entry = next((entry for entry in dataset.cases if entry.case == case), None) if dataset else None
    prediction = _prediction(run_folder, case)
    if entry is None and prediction is None:
        raise NotServed("The run has no such case.")
    if entry is None or entry.image is None:
        missing.append(
            "The record names no image of this case, as that of another program and a shared copy."
        )
    else:
        found, lost = _of_data_set(run_folder, entry)
        volumes += found
        missing += lost
    if prediction is not None:
        volumes.append(prediction)
    else:
        missing.append("There is no prediction: the run has none of this case, or it was not evaluated yet.")
    return CaseFiles(
        case, None if entry is None else entry.side, volumes, dict(dataset.labels) if dataset else {}, missing
    )


def _prediction(run_folder: Path, case: str) -> Volume | None:
    for suffix in _SUFFIXES:
        recorded = f"predictions/{case}{suffix}"
        try:
            return Volume("prediction", "Prediction", file_of_run(run_folder, recorded), recorded)
        except NotServed:
            continue
    return None


def _of_data_set(run_folder: Path, entry: _CaseOnRecord) -> tuple[list[Volume], list[str]]:
    data_root = recall_data_root(run_folder)
    if data_root is None:
        return [], [
            "This machine does not know where the data of the run lie, so image and reference can't be shown. It "
            "remembers where a run was trained, and where `segtrail restore --with-data` laid its data."
        ]
    wanted: list[tuple[Layer, str, str]] = []
    if entry.image is not None:
        files = [entry.image.file] if isinstance(entry.image.file, str) else entry.image.file
        names = ["Image"] if len(files) == 1 else [f"Image, channel {place}" for place in range(len(files))]
        wanted += [("image", name, file) for name, file in zip(names, files, strict=True)]
    if entry.label is not None and isinstance(entry.label.file, str):
        wanted.append(("reference", "Reference", entry.label.file))
    found, lost = [], []
    for layer, name, file in wanted:
        if not file.lower().endswith(_SUFFIXES) or fault_of_path(PurePosixPath(file).as_posix()) is not None:
            lost.append(f"{name}: the record names {file}, which is no NIfTI file of a data set.")
        elif not is_file_inside(data_root / file, data_root):
            lost.append(f"{name}: {file} is not in the data set any more, or is a link that leads out of it.")
        else:
            found.append(Volume(layer, name, data_root / file, file))
    return found, lost
