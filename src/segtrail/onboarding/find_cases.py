"""Where the cases come from: a description that is there, nnU-Net's raw folder, or the names of files."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segtrail.dataset.description import DatasetDescription, read_description
from segtrail.dataset.description_file import read_description_file
from segtrail.dataset.names import shown_list
from segtrail.errors import InputError
from segtrail.onboarding.find_files import find_nifti_files, other_formats
from segtrail.onboarding.found_cases import FoundCases, cases_of, keep_groups_apart
from segtrail.onboarding.matching import match_by_name
from segtrail.onboarding.nnunet import is_nnunet_raw, read_nnunet_raw
from segtrail.onboarding.request import InitRequest

DESCRIPTION = "dataset.json"
OWN_DESCRIPTION = "segtrail_dataset.json"
_NOTHING_FOUND = """\
No image in {folder} could be matched with a label. Found were {n_images} images and {n_labels} labels among {n_files} \
files .nii and .nii.gz.{others}{shown}
Labels are known by a folder (labels, masks, seg, labelsTr) or a word at the end or beginning of their name \
(CASE_seg, CASE-mask, label_CASE), and matched with the image of the same name, for example:
  {folder}/images/case_01.nii.gz   {folder}/labels/case_01.nii.gz
  {folder}/case_01.nii.gz          {folder}/case_01_seg.nii.gz
  {folder}/case_01/image.nii.gz    {folder}/case_01/label.nii.gz
Other names are told apart with --images and --labels, as in --images "ct/*" --labels "liver/*"."""


@dataclass(frozen=True)
class CaseSource:
    """Where the cases come from.

    Attributes:
        found: The cases.
        file_name: The description that is written, or used.
        existing: The description that is used as it is.
    """

    found: FoundCases
    file_name: str
    existing: DatasetDescription | None = None


def find_cases(request: InitRequest) -> CaseSource:
    """Find the cases of a folder.

    Args:
        request: What is asked for.

    Returns:
        The cases, and the description that is used or to be written.

    Raises:
        InputError: Nothing could be matched, or not clearly, or what is there contradicts the request.
    """
    folder = request.folder
    if not folder.is_dir():
        raise InputError(f"There is no folder {folder}. Name the folder that holds your images and labels.")
    content = _read_json(folder)
    nnunet = content is not None and is_nnunet_raw(folder, content)
    file_name = OWN_DESCRIPTION if nnunet else DESCRIPTION
    if os.path.lexists(folder / file_name) and not _is_replaced(request, file_name):
        return _existing(request, file_name)
    if nnunet and not (request.images or request.labels):
        found = read_nnunet_raw(folder, content)
        if request.channels and len(request.channels) != len(found.channel_names):
            raise InputError(
                f"--channels names {len(request.channels)} channels; dataset.json names {len(found.channel_names)}."
            )
    else:
        found = _match(request)
    if len(found.cases) < 2:
        raise InputError(
            f"Only one case was found, {found.cases[0].case}; one to train on and one to validate on are needed."
        )
    return CaseSource(keep_groups_apart(found), file_name)


def _read_json(folder: Path) -> Any:
    """Read a description without judging it; None where there is none, or none that is JSON."""
    try:
        return read_description_file(folder, DESCRIPTION)[1]
    except InputError:
        return None


def _is_replaced(request: InitRequest, file_name: str) -> bool:
    """Tell whether a description is written anew: only where that is allowed and it would be another one.

    It may hold what no file tells, such as names and groups, so that --overwrite for the configuration's sake
    leaves it alone.
    """
    if not request.overwrite or request.chosen:
        return request.overwrite
    try:
        return bool(read_description(request.folder, file_name).faulty_cases)
    except InputError:
        return True


def _existing(request: InitRequest, file_name: str) -> CaseSource:
    try:
        description = read_description(request.folder, file_name)
    except InputError as error:
        raise InputError(f"{error} Correct it, or add --overwrite to write it anew.") from None
    if request.chosen:
        raise InputError(
            f"{request.folder / file_name} is there already and is used as it is, without {', '.join(request.chosen)}. "
            "Leave that out, or add --overwrite to write the description anew."
        )
    if description.faulty_cases:
        evidence = "; ".join(finding.evidence for finding in description.faulty_cases[:5])
        raise InputError(
            f"{request.folder / file_name} has entries that can't be used: {evidence}. Correct them, or add "
            "--overwrite to write the description anew."
        )
    found = FoundCases(
        cases=description.cases,
        unlabelled=description.unlabelled,
        label_names=description.labels,
        channel_names=tuple(description.modality.values()),
    )
    return CaseSource(found, file_name, description)


def _match(request: InitRequest) -> FoundCases:
    files = find_nifti_files(request.folder)
    matching = match_by_name(files, request.images, request.labels, request.channels)
    found = cases_of(matching)
    if not found.cases:
        images = [*found.images_alone, *(files[0] for files in found.unlabelled)]
        raise InputError(
            _NOTHING_FOUND.format(
                folder=request.folder,
                n_images=len(images),
                n_labels=len(found.labels_alone),
                n_files=len(files),
                others=other_formats(request.folder),
                shown=_first("Images", images) + _first("Labels", found.labels_alone),
            )
        )
    return found


def _first(kind: str, files: Sequence[str]) -> str:
    return f"\n{kind}: {shown_list(files)}" if files else ""
