"""Reading the decathlon's ``dataset.json``: what it says, never what lies about in the folder."""

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from segtrail.dataset.findings import Finding
from segtrail.dataset.msd import how_to_get
from segtrail.errors import InputError

# What every file system takes as a name.
_CASE_NAME = re.compile(r"""[^\\/:*?"<>|\x00-\x1f.][^\\/:*?"<>|\x00-\x1f]*""")


@dataclass(frozen=True)
class CaseFiles:
    """One labelled case: its name and its files, relative to the data set's root.

    Attributes:
        case: What the entry's "case" says, else the image's file name without ``.nii`` or ``.nii.gz``.
        images: One file that holds all channels, or one file for each channel in their order.
    """

    case: str
    images: tuple[str, ...]
    label: str
    group: str | None = None

    def image_paths(self, root: Path) -> list[Path]:
        """Return the image's files under the data set's folder."""
        return [root / file for file in self.images]


@dataclass(frozen=True)
class DatasetDescription:
    """What ``dataset.json`` says.

    Attributes:
        root: Folder that the files are relative to.
        labels: Class name by label value; 0 is background.
        modality: Channel name by channel number, as strings.
        cases: The labelled cases that can be looked for, in the file's order.
        unlabelled: Images without a label, listed under "test": one tuple of files for each.
        findings: What is wrong with the other entries.
        sha256: SHA-256 of ``dataset.json``.
    """

    root: Path
    file_name: str
    name: str
    description: str
    licence: str
    reference: str
    release: str
    modality: dict[str, str]
    labels: dict[int, str]
    cases: tuple[CaseFiles, ...]
    unlabelled: tuple[tuple[str, ...], ...]
    findings: tuple[Finding, ...]
    sha256: str

    @property
    def class_names(self) -> dict[int, str]:
        """Names of the classes without background, by label value."""
        return {value: name for value, name in self.labels.items() if value != 0}

    @property
    def n_channels(self) -> int:
        """Number of image channels."""
        return max(len(self.modality), 1)

    def case(self, name: str) -> CaseFiles:
        """Return the case with this name."""
        return next(case for case in self.cases if case.case == name)


def read_description(root: Path, file_name: str = "dataset.json") -> DatasetDescription:
    """Read a data set's description.

    Args:
        root: Folder of the data set.
        file_name: Name of the description inside it.

    Returns:
        The description.

    Raises:
        InputError: The file is missing or damaged. What is wrong with single entries comes as findings.
    """
    path = root / file_name
    raw = _read(path, root)
    try:
        content = json.loads(raw.decode("utf-8-sig"))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise InputError(f"{file_name} of the data set is not valid JSON: {error}.") from None
    if is_nnunet_description(content):
        raise InputError(
            f"{file_name} of the data set is nnU-Net's, which does not list its cases. `segtrail init {root}` makes "
            "a description of this folder and a configuration."
        )
    if not isinstance(content, dict) or not isinstance(content.get("training"), list):
        raise InputError(
            f'{file_name} of the data set has no list "training" of cases, as the decathlon layout expects.'
        )
    cases, findings = _read_entries(content["training"], file_name)
    return DatasetDescription(
        root=root,
        file_name=file_name,
        name=str(content.get("name", root.name)),
        description=str(content.get("description", "")),
        licence=str(content.get("licence", content.get("license", ""))),
        reference=str(content.get("reference", "")),
        release=str(content.get("release", content.get("relase", ""))),  # the decathlon's own spelling
        modality=_modality(content, file_name),
        labels=_labels(content, file_name),
        cases=cases,
        unlabelled=_unlabelled(content.get("test")),
        findings=findings,
        sha256=hashlib.sha256(raw).hexdigest(),
    )


def open_description(dataset: Path, usual_name: str = "dataset.json") -> DatasetDescription:
    """Read the description of a data set that is given by its folder or by the file itself.

    Args:
        dataset: Folder, or description file.
        usual_name: Name of the description in a folder; where it is missing, ``dataset.json``.

    Raises:
        InputError: See ``read_description``.
    """
    if dataset.is_file():
        return read_description(dataset.parent, dataset.name)
    return read_description(dataset, usual_name if (dataset / usual_name).is_file() else "dataset.json")


def _read(path: Path, root: Path) -> bytes:
    if not root.is_dir():
        raise InputError(
            f"There is no data set folder {root}. Check paths.data_root, or say where the data lie.{how_to_get(root)}"
        )
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise InputError(
            f"The data set folder {root} has no {path.name}. Expected the decathlon layout: "
            f"{path.name} beside imagesTr/ and labelsTr/."
        ) from None
    except OSError as error:
        raise InputError(f"{path} can't be read: {error.strerror}.") from None


def _modality(content: dict[str, Any], file_name: str) -> dict[str, str]:
    modality = content.get("modality", {"0": "image"})
    if not isinstance(modality, dict):
        raise InputError(f'"modality" in {file_name} must name the channels, as {{"0": "MRI"}}.')
    return {str(key): str(value) for key, value in modality.items()}


def _labels(content: dict[str, Any], file_name: str) -> dict[int, str]:
    expected = 'as {"0": "background", "1": "left atrium"}, numbered from 0 without a gap'
    try:
        labels = {int(value): str(name) for value, name in dict(content["labels"]).items()}
    except (KeyError, TypeError, ValueError):
        raise InputError(f'"labels" in {file_name} must name the label values, {expected}.') from None
    if sorted(labels) != list(range(len(labels))) or not 2 <= len(labels) <= 256:
        raise InputError(f'"labels" in {file_name} has the values {sorted(labels)}; expected {expected}.')
    return dict(sorted(labels.items()))


def _read_entries(entries: list[Any], file_name: str) -> tuple[tuple[CaseFiles, ...], tuple[Finding, ...]]:
    if not entries:
        raise InputError(f'The list "training" in {file_name} is empty; there is nothing to train on.')
    reader = _EntryReader(file_name)
    for number, entry in enumerate(entries, start=1):
        reader.read(entry, number)
    return tuple(reader.cases.values()), tuple(reader.findings)


class _EntryReader:
    """Reads the entries of "training" one after the other; what is wrong with one becomes a finding."""

    def __init__(self, file_name: str) -> None:
        self._file_name = file_name
        self._taken: dict[str, str] = {}
        self._names: dict[str, str] = {}
        self.cases: dict[str, CaseFiles] = {}
        self.findings: list[Finding] = []

    def read(self, entry: Any, number: int) -> None:
        """Read one entry; the first has number 1."""
        where = f"entry {number} of {self._file_name}"
        images, label = _files_of(entry)
        if images is None or label is None:
            self._find("entries", None, f'{where} is not of the form {{"image": file, "label": file}}')
            return
        case = str(entry.get("case", case_name(images[0])))
        problems = [problem for file in (*images, label) for problem in _problems_of(file)]
        if "case" in entry and not _CASE_NAME.fullmatch(case):
            problems.append(("entries", f"the case name {case!r} can't be the name of a file"))
        for check, problem in problems:
            self._find(check, case, f"{where}: {problem}")
        if not problems and not self._is_taken(case, (*images, label), where):
            group = entry.get("group")
            self.cases[case] = CaseFiles(case, images, label, None if group is None else str(group))

    def _is_taken(self, case: str, files: tuple[str, ...], where: str) -> bool:
        known = self._names.get(case.casefold())  # some file systems do not tell upper from lower case
        if known is not None:
            self._find("entries-once", case, f"{where}: a case named {known} stands there already")
            return True
        for file in files:
            if file in self._taken:
                self._find("entries-once", case, f"{where}: {file} belongs to {self._taken[file]} already")
                return True
        if len(set(files)) < len(files):
            self._find("entries-once", case, f"{where} names one file twice")
            return True
        self._taken |= dict.fromkeys(files, case)
        self._names[case.casefold()] = case
        return False

    def _find(self, check: str, case: str | None, evidence: str) -> None:
        self.findings.append(Finding(check, case, evidence))


def _files_of(entry: Any) -> tuple[tuple[str, ...] | None, str | None]:
    """Return the image files and the label of an entry; None for what it does not name."""
    if not isinstance(entry, dict):
        return None, None
    label = entry.get("label")
    return _image_files(entry.get("image")), _posix(label) if isinstance(label, str) and label else None


def _image_files(value: Any) -> tuple[str, ...] | None:
    files = [value] if isinstance(value, str) else value
    if not isinstance(files, list) or not files or not all(isinstance(file, str) and file for file in files):
        return None
    return tuple(_posix(file) for file in files)


def _unlabelled(entries: Any) -> tuple[tuple[str, ...], ...]:
    """Read the list "test", whose entries are files or mappings with an image; others are passed over."""
    if not isinstance(entries, list):
        return ()
    values = [entry.get("image") if isinstance(entry, dict) else entry for entry in entries]
    found = [files for value in values if (files := _image_files(value)) is not None]
    return tuple(files for files in found if not any(_problems_of(file) for file in files))


def _posix(file: str) -> str:
    return PurePosixPath(file.replace("\\", "/")).as_posix()


def _problems_of(file: str) -> list[tuple[str, str]]:
    """Return what forbids to read a file, with the check that says so."""
    path = PurePosixPath(file)
    if path.is_absolute() or ".." in path.parts or any(":" in part for part in path.parts):
        return [("files-inside", f"{file} lies outside the data set's folder")]
    if path.name.startswith("._"):
        return [("mac-files", f"{file} is a macOS metadata file, not an image")]
    if not path.name.endswith((".nii", ".nii.gz")):
        return [("entries", f"{file} is no .nii or .nii.gz file")]
    return []


def case_name(file: str) -> str:
    """Return the name of the case an image file holds: its file name without ``.nii`` or ``.nii.gz``."""
    return PurePosixPath(file).name.removesuffix(".gz").removesuffix(".nii")


def is_nnunet_description(content: Any) -> bool:
    """Tell whether a ``dataset.json`` is nnU-Net's, which lists no cases and names classes by their name."""
    if not isinstance(content, dict) or isinstance(content.get("training"), list):
        return False
    labels = content.get("labels")
    by_name = isinstance(labels, dict) and "background" in labels
    return by_name or "channel_names" in content or "file_ending" in content
