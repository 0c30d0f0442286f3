"""Reading the decathlon's ``dataset.json``: what it says, never what lies about in the folder."""

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from segtrail.dataset.classes import read_channels, read_labels
from segtrail.dataset.description_file import read_description_file
from segtrail.dataset.findings import Finding
from segtrail.dataset.names import (
    comparable,
    fault_of_case_name,
    fault_of_name,
    holds_control_characters,
    shown,
)
from segtrail.errors import InputError

_LONGEST_FILE_BYTES = 1000
_LONGEST_PART_BYTES = 255
_SUFFIXES = (".nii", ".nii.gz")
_JSON_KINDS = {list: "a list", dict: "a mapping", bool: "true or false", float: "no whole number"}


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
        unlabelled: Images without a label, listed under "test": one tuple of files for each that can be looked for.
        findings: What is wrong with the other entries, those of "test" too (check ``unlabelled``).
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
        return len(self.modality)

    @property
    def faulty_cases(self) -> tuple[Finding, ...]:
        """What is wrong with the entries of labelled cases."""
        return tuple(finding for finding in self.findings if finding.check != "unlabelled")

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
    raw, content = read_description_file(root, file_name)
    if is_nnunet_description(content):
        raise InputError(
            f"{file_name} of the data set is nnU-Net's, which does not list its cases. `segtrail init {root}` makes "
            "a description of this folder and a configuration."
        )
    if not isinstance(content, dict) or not isinstance(content.get("training"), list):
        raise InputError(
            f'{file_name} of the data set has no list "training" of cases, as the decathlon layout expects.'
        )
    cases, faulty = _read_entries(content["training"], file_name)
    unlabelled, unfit = _read_unlabelled(content.get("test"), file_name)
    return DatasetDescription(
        root=root,
        file_name=file_name,
        name=_name(content, file_name) or shown(root.name),
        description=_text(content, file_name, "description"),
        licence=_text(content, file_name, "licence", "license"),
        reference=_text(content, file_name, "reference"),
        release=_text(content, file_name, "release", "relase"),  # the decathlon's own spelling
        modality=read_channels(content, file_name),
        labels=read_labels(content, file_name),
        cases=cases,
        unlabelled=unlabelled,
        findings=(*faulty, *unfit),
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
    # Not Path.is_file, which raises where it may not look.
    if os.path.isfile(dataset):  # noqa: PTH113
        return read_description(dataset.parent, dataset.name)
    usual = os.path.isfile(dataset / usual_name)  # noqa: PTH113
    return read_description(dataset, usual_name if usual else "dataset.json")


def _name(content: Mapping[str, Any], file_name: str) -> str:
    name = _text(content, file_name, "name")
    fault = fault_of_name(name) if name else None
    if fault:
        raise InputError(f'"name" in {file_name} {fault}; expected the name of the data set.')
    return name


def _text(content: Mapping[str, Any], file_name: str, *keys: str) -> str:
    """Return the text under the first of these keys that is there; empty where none is."""
    key = next((key for key in keys if content.get(key) is not None), None)
    if key is None:
        return ""
    value = content[key]
    if isinstance(value, bool | list | dict):
        raise InputError(f'"{key}" in {file_name} is {_JSON_KINDS[type(value)]}; expected text.')
    if holds_control_characters(str(value), but="\n\r\t"):
        raise InputError(f'"{key}" in {file_name} holds control characters; expected text.')
    return str(value)


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
        case = _case_of(entry, images)
        if images is None or label is None:
            self._find("entries", case, f'{where} is not of the form {{"image": file, "label": file}}')
            return
        problems = [problem for file in (*images, label) for problem in _problems_of(file)]
        problems += [("entries", fault) for fault in _faults_of_names(entry, case, bool(problems))]
        for check, problem in problems:
            self._find(check, case, f"{where}: {problem}")
        if not problems and not self._is_taken(case, (*images, label), where):
            self.cases[case] = CaseFiles(case, images, label, _text_or_number(entry.get("group")))

    def _is_taken(self, case: str, files: tuple[str, ...], where: str) -> bool:
        known = self._names.get(comparable(case))
        if known is not None:
            self._find("entries-once", case, f"{where}: a case named {known} stands there already")
            return True
        for file in files:
            if comparable(file) in self._taken:
                evidence = f"{where}: {shown(file)} belongs to {self._taken[comparable(file)]} already"
                self._find("entries-once", case, evidence)
                return True
        if len({comparable(file) for file in files}) < len(files):
            self._find("entries-once", case, f"{where} names one file twice")
            return True
        self._taken |= {comparable(file): case for file in files}
        self._names[comparable(case)] = case
        return False

    def _find(self, check: str, case: str, evidence: str) -> None:
        named = case if fault_of_case_name(case) is None else shown(case)
        self.findings.append(Finding(check, named or None, evidence))


def _case_of(entry: Any, images: tuple[str, ...] | None) -> str:
    """Return what an entry calls its case; empty where it has no name."""
    said = _text_or_number(entry.get("case")) if isinstance(entry, dict) else None
    return said if said is not None else case_name(images[0]) if images else ""


def _faults_of_names(entry: dict[str, Any], case: str, files_are_faulty: bool) -> list[str]:
    """Return what is wrong with the names of case and group; a name that only a faulty file gives is passed over."""
    faults = [
        f'"{key}" is {_JSON_KINDS[type(entry[key])]}; expected text or a whole number'
        for key in ("case", "group")
        if entry.get(key) is not None and _text_or_number(entry[key]) is None
    ]
    fault = fault_of_case_name(case)
    if fault and not (files_are_faulty and entry.get("case") is None):
        faults.append(f'the case name "{shown(case)}" {fault}')
    group = _text_or_number(entry.get("group"))
    fault = None if group is None else fault_of_name(group)
    if fault:
        faults.append(f"the name of the group {fault}")
    return faults


def _text_or_number(value: Any) -> str | None:
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else None


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


def _read_unlabelled(entries: Any, file_name: str) -> tuple[tuple[tuple[str, ...], ...], tuple[Finding, ...]]:
    """Read the list "test", whose entries are files or mappings with an image; unfit ones become findings."""
    if entries is None:
        return (), ()
    if not isinstance(entries, list):
        return (), (Finding("unlabelled", None, f'"test" in {file_name} is no list of images'),)
    found: dict[str, tuple[str, ...]] = {}
    findings = []
    for number, entry in enumerate(entries, start=1):
        files = _image_files(entry.get("image") if isinstance(entry, dict) else entry)
        fault = _fault_of_unlabelled(files)
        key = comparable("\0".join(files or ()))
        if fault is None and key in found:
            fault = f"{shown(found[key][0])} stands there already"
        if fault is None and files is not None:
            found[key] = files
        else:
            findings.append(Finding("unlabelled", None, f"entry {number} of test in {file_name}: {fault}"))
    return tuple(found.values()), tuple(findings)


def _fault_of_unlabelled(files: tuple[str, ...] | None) -> str | None:
    if files is None:
        return 'it is neither a file nor of the form {"image": file}'
    problems = [problem for file in files for _, problem in _problems_of(file)]
    if problems:
        return problems[0]
    fault = fault_of_case_name(case_name(files[0]))
    return f'the name "{shown(case_name(files[0]))}" {fault}' if fault else None


def _posix(file: str) -> str:
    return PurePosixPath(file.replace("\\", "/")).as_posix()


def _problems_of(file: str) -> list[tuple[str, str]]:
    """Return what forbids to read a file, with the check that says so."""
    path = PurePosixPath(file)
    if holds_control_characters(file):
        return [("entries", f"the file name {shown(file)} holds control characters")]
    if _is_too_long(path):
        return [("entries", f"the file name {shown(file)} is longer than file systems take")]
    if path.is_absolute() or ".." in path.parts or any(":" in part for part in path.parts):
        return [("files-inside", f"{shown(file)} lies outside the data set's folder")]
    if path.name.startswith("._"):
        return [("mac-files", f"{shown(file)} is a macOS metadata file, not an image")]
    if path.name.lower().endswith(_SUFFIXES) and not path.name.endswith(_SUFFIXES):
        return [("entries", f"{shown(file)} must end in .nii or .nii.gz in lower case; rename the file")]
    if not path.name.endswith(_SUFFIXES):
        return [("entries", f"{shown(file)} is no .nii or .nii.gz file")]
    return []


def _is_too_long(path: PurePosixPath) -> bool:
    longest = max((len(part.encode()) for part in path.parts), default=0)
    return longest > _LONGEST_PART_BYTES or len(str(path).encode()) > _LONGEST_FILE_BYTES


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
