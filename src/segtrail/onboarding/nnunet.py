"""nnU-Net's raw folders: ``dataset.json`` with ``channel_names``, ``imagesTr/CASE_0000.nii.gz``, ``labelsTr``."""

import os
import re
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from segtrail.dataset.description import CaseFiles, is_nnunet_description
from segtrail.errors import InputError
from segtrail.onboarding.found_cases import FoundCases

_CHANNEL_FILE = re.compile(r"(?P<case>.+)_(?P<channel>\d{4})")
_ENDINGS = (".nii.gz", ".nii")


def is_nnunet_raw(folder: Path, content: Any) -> bool:
    """Tell whether a ``dataset.json`` belongs to a raw folder of nnU-Net, of its second version or its first.

    Args:
        folder: Folder of the data set.
        content: What the file holds.

    Returns:
        Whether it does. The first version describes itself as the decathlon does, and differs in its files.
    """
    if is_nnunet_description(content):
        return True
    if not isinstance(content, dict) or not isinstance(content.get("training"), list):
        return False
    first = content["training"][0] if content["training"] else None
    image = first.get("image") if isinstance(first, dict) else None
    if not isinstance(image, str) or os.path.isfile(folder / image):  # noqa: PTH113 (never raises)
        return False
    ending = next((ending for ending in _ENDINGS if image.endswith(ending)), None)
    if ending is None:
        return False
    return os.path.isfile(folder / f"{image.removesuffix(ending)}_0000{ending}")  # noqa: PTH113


def read_nnunet_raw(folder: Path, content: dict[str, Any]) -> FoundCases:
    """Find the cases of a raw folder of nnU-Net.

    Args:
        folder: Folder of the data set.
        content: Its ``dataset.json``.

    Returns:
        The cases, with the names of labels and channels that the file gives.

    Raises:
        InputError: It uses regions, ignored voxels, another file format or a list of files, or channels are missing.
    """
    if "dataset" in content:
        raise InputError(
            'dataset.json lists its files under "dataset", which segtrail does not read. Put the files into '
            "imagesTr and labelsTr, or take the list out."
        )
    ending = _file_ending(content)
    channels = _channel_names(content)
    images = _images(folder / "imagesTr", ending, len(channels))
    labels = {name.removesuffix(ending): f"labelsTr/{name}" for name in _names(folder / "labelsTr", ending)}
    if not images.keys() & labels.keys():
        raise InputError(
            f"dataset.json is nnU-Net's, but no imagesTr/CASE_0000{ending} has its labelsTr/CASE{ending} in {folder}."
        )
    return FoundCases(
        cases=tuple(CaseFiles(case, files, labels[case]) for case, files in images.items() if case in labels),
        unlabelled=tuple(_images(folder / "imagesTs", ending, len(channels)).values()),
        images_alone=tuple(files[0] for case, files in images.items() if case not in labels),
        labels_alone=tuple(file for case, file in labels.items() if case not in images),
        label_names=_label_names(content),
        channel_names=channels,
    )


def _file_ending(content: dict[str, Any]) -> str:
    ending = str(content.get("file_ending", ".nii.gz"))
    if ending not in _ENDINGS:
        raise InputError(
            f"dataset.json says file_ending {ending!r}; segtrail reads .nii and .nii.gz. Convert the files first."
        )
    return ending


def _channel_names(content: dict[str, Any]) -> tuple[str, ...]:
    channels = content.get("channel_names", content.get("modality", {"0": "image"}))
    if not isinstance(channels, dict) or sorted(map(str, channels)) != sorted(map(str, range(len(channels)))):
        raise InputError(
            '"channel_names" in dataset.json must number the channels from 0, as {"0": "T1", "1": "T2"}.'
        )
    by_number = {int(number): str(name) for number, name in channels.items()}
    return tuple(by_number[number] for number in range(len(by_number)))


def _label_names(content: dict[str, Any]) -> dict[int, str]:
    labels = content.get("labels")
    if not isinstance(labels, dict) or not labels:
        raise InputError('"labels" in dataset.json must name the classes, as {"background": 0, "liver": 1}.')
    regions = [str(name) for name, value in labels.items() if isinstance(value, list)]
    if regions:
        raise InputError(
            f"dataset.json trains on regions ({', '.join(regions)} are made of several values), which segtrail does "
            'not. Give each class one value of its own, as {"background": 0, "liver": 1}.'
        )
    if any(str(name).lower() == "ignore" for pair in labels.items() for name in pair):
        raise InputError(
            'dataset.json has the label "ignore"; segtrail has no voxels that training leaves out. Make them '
            "background in the label maps, or leave these cases out."
        )
    pairs = (
        labels.items() if all(str(name).isdigit() for name in labels) else ((v, k) for k, v in labels.items())
    )
    try:
        names = {int(value): str(name) for value, name in pairs}
    except (TypeError, ValueError):
        names = {}
    if sorted(names) != list(range(len(labels))):
        raise InputError(
            f"The labels in dataset.json have the values {', '.join(map(str, labels.values()))}; expected 0 for "
            "background, then 1, 2, 3 without a gap."
        )
    return dict(sorted(names.items()))


def _images(folder: Path, ending: str, n_channels: int) -> dict[str, tuple[str, ...]]:
    """Collect the channel files of each case; all must be there."""
    found: dict[str, dict[int, str]] = defaultdict(dict)
    for name in _names(folder, ending):
        parts = _CHANNEL_FILE.fullmatch(name.removesuffix(ending))
        if parts is not None:
            found[parts["case"]][int(parts["channel"])] = f"{folder.name}/{name}"
    faulty = [case for case, files in found.items() if sorted(files) != list(range(n_channels))]
    if faulty:
        raise InputError(_describe_channels(folder.name, faulty, found, n_channels, ending))
    return {case: tuple(files[number] for number in range(n_channels)) for case, files in found.items()}


def _describe_channels(
    folder: str, faulty: Sequence[str], found: dict[str, dict[int, str]], n_channels: int, ending: str
) -> str:
    shown = ", ".join(
        f"{case} (has {', '.join(f'{number:04}' for number in sorted(found[case]))})" for case in faulty[:10]
    )
    more = f" and {len(faulty) - 10} more" if len(faulty) > 10 else ""
    return (
        f"dataset.json names {n_channels} channels, so that each case in {folder} needs CASE_0000{ending}"
        f"{f' to CASE_{n_channels - 1:04}{ending}' if n_channels > 1 else ' alone'}. Others have {shown}{more}. "
        'Add the files, move the cases away, or correct "channel_names".'
    )


def _names(folder: Path, ending: str) -> list[str]:
    if not folder.is_dir():
        return []
    return sorted(
        file.name for file in folder.iterdir() if file.name.endswith(ending) and not file.name.startswith(".")
    )
