"""Reading the decathlon's ``dataset.json``: what it says, never what lies about in the folder."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from segtrail.dataset.msd import how_to_get
from segtrail.errors import InputError


@dataclass(frozen=True)
class CaseFiles:
    """One labelled case: its name and its two files, relative to the data set's root."""

    case: str
    image: str
    label: str
    group: str | None = None


@dataclass(frozen=True)
class DatasetDescription:
    """What ``dataset.json`` says.

    Attributes:
        root: Folder that the files are relative to.
        labels: Class name by label value; 0 is background.
        modality: Channel name by channel number, as strings.
        cases: The labelled cases, in the file's order.
        sha256: SHA-256 of ``dataset.json``.
    """

    root: Path
    name: str
    description: str
    licence: str
    reference: str
    release: str
    modality: dict[str, str]
    labels: dict[int, str]
    cases: tuple[CaseFiles, ...]
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
        InputError: The file is missing or damaged, or names files that no data set may name;
            all problems of the entries are listed at once.
    """
    path = root / file_name
    raw = _read(path, root)
    try:
        content = json.loads(raw.decode("utf-8-sig"))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise InputError(f"{file_name} of the data set is not valid JSON: {error}.") from None
    if not isinstance(content, dict) or not isinstance(content.get("training"), list):
        raise InputError(
            f'{file_name} of the data set has no list "training" of cases, as the decathlon layout expects.'
        )
    return DatasetDescription(
        root=root,
        name=str(content.get("name", root.name)),
        description=str(content.get("description", "")),
        licence=str(content.get("licence", content.get("license", ""))),
        reference=str(content.get("reference", "")),
        release=str(content.get("release", content.get("relase", ""))),  # the decathlon's own spelling
        modality=_modality(content, file_name),
        labels=_labels(content, file_name),
        cases=_cases(content["training"], file_name),
        sha256=hashlib.sha256(raw).hexdigest(),
    )


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


def _cases(entries: list[Any], file_name: str) -> tuple[CaseFiles, ...]:
    if not entries:
        raise InputError(f'The list "training" in {file_name} is empty; there is nothing to train on.')
    problems: list[str] = []
    cases: dict[str, CaseFiles] = {}
    for number, entry in enumerate(entries, start=1):
        case = _case(entry, f"entry {number}", problems)
        if case is None:
            continue
        if case.case in cases:
            problems.append(f"entry {number}: a case named {case.case} stands there already")
        cases[case.case] = case
    if problems:
        listing = "\n".join(f"  {problem}." for problem in problems)
        raise InputError(f"{file_name} names cases that can't be used:\n{listing}")
    return tuple(cases.values())


def _case(entry: Any, where: str, problems: list[str]) -> CaseFiles | None:
    if not isinstance(entry, dict) or not all(isinstance(entry.get(key), str) for key in ("image", "label")):
        problems.append(f'{where}: expected {{"image": file, "label": file}}')
        return None
    files = [_inside_root(entry[key], f"{where}, {key}", problems) for key in ("image", "label")]
    if files[0] is None or files[1] is None:
        return None
    group = entry.get("group")
    return CaseFiles(case_name(files[0]), files[0], files[1], None if group is None else str(group))


def _inside_root(file: str, where: str, problems: list[str]) -> str | None:
    path = PurePosixPath(file.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or (path.parts and ":" in path.parts[0]):
        problems.append(f"{where}: {file} lies outside the data set's folder")
    elif path.name.startswith("._"):
        problems.append(f"{where}: {file} is a macOS metadata file, not an image")
    elif not path.name.endswith((".nii", ".nii.gz")):
        problems.append(f"{where}: {file} is no .nii or .nii.gz file")
    else:
        return path.as_posix()
    return None


def case_name(file: str) -> str:
    """Return the name of the case an image file holds: its file name without ``.nii`` or ``.nii.gz``."""
    return PurePosixPath(file).name.removesuffix(".gz").removesuffix(".nii")
