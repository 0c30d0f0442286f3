"""Images that are one image: the same voxels under two names; and whether their labels agree."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from contextlib import suppress
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from segtrail.dataset.checking.near_duplicates import find_near_duplicates, list_names
from segtrail.dataset.description import DatasetDescription
from segtrail.dataset.findings import Finding
from segtrail.dataset.reading.scan import CaseScan
from segtrail.errors import InputError
from segtrail.images.geometry import RasReorientation
from segtrail.images.nifti import read_volume

# Of one image; more would be read for long.
_LABELS_COMPARED = 20
_PAIRS_SHOWN = 3

_Bits = NDArray[np.uint8]


def identical_images(scans: Sequence[CaseScan]) -> tuple[tuple[str, ...], ...]:
    """Find images that hold the same voxels under several names.

    Args:
        scans: One scan per case.

    Returns:
        Groups of at least two case names.
    """
    names: dict[str, list[str]] = defaultdict(list)
    for scan in scans:
        if scan.image is not None:
            names[scan.image.sha256_voxels].append(scan.case)
    return tuple(tuple(group) for group in names.values() if len(group) > 1)


def find_duplicates(description: DatasetDescription, scans: Sequence[CaseScan]) -> list[Finding]:
    """Find identical and nearly identical images, and labels of identical images that differ.

    Args:
        description: The data set; the labels of identical images are read again.
        scans: One scan per case.

    Returns:
        Findings of duplicate-images, near-duplicates and duplicate-labels.
    """
    groups = identical_images(scans)
    findings = [
        Finding("duplicate-images", group[0], f"{list_names(group)} hold the same voxels", group[1:])
        for group in groups
    ]
    findings += find_near_duplicates(scans)
    by_name = {scan.case: scan for scan in scans}
    for group in groups:
        findings += _differing_labels(description, [by_name[case] for case in group])
    return findings


def _differing_labels(description: DatasetDescription, group: Sequence[CaseScan]) -> list[Finding]:
    """Compare the labels of one image; each distinct one is read once."""
    labelled = [scan for scan in group if scan.label is not None]
    distinct = {scan.label.sha256_voxels: scan.case for scan in reversed(labelled) if scan.label}
    if len(distinct) < 2:
        return []
    representatives = sorted(distinct.values(), key=[scan.case for scan in labelled].index)
    masks = _masks_of_one_shape(description, representatives[:_LABELS_COMPARED])
    if len(masks) < 2:
        return []
    evidence = _describe_agreement(masks, description.class_names.values(), len(representatives))
    cases = [scan.case for scan in labelled]
    return [Finding("duplicate-labels", cases[0], evidence, tuple(cases[1:]))]


def _describe_agreement(masks: dict[str, list[_Bits]], classes: Iterable[str], n_labels: int) -> str:
    pairs = list(combinations(masks, 2))
    dice = [[_dice(*both) for both in zip(masks[one], masks[other], strict=True)] for one, other in pairs]
    if len(pairs) == 1:
        agreement = ", ".join(f"{name} {value:.3f}" for name, value in zip(classes, dice[0], strict=True))
    elif len(pairs) <= _PAIRS_SHOWN:
        agreement = ", ".join(
            f"{name} {_listed(pairs, values)}" for name, *values in zip(classes, *dice, strict=True)
        )
    else:
        agreement = ", ".join(
            f"{name} {min(values):.3f} to {max(values):.3f}"
            for name, *values in zip(classes, *dice, strict=True)
        )
    of_which = f" (the first {len(masks)} of {n_labels})" if len(masks) < n_labels else ""
    return f"{list_names(list(masks))} are one image with different labels; Dice between them{of_which}: {agreement}"


def _listed(pairs: Sequence[tuple[str, str]], values: Sequence[float]) -> str:
    named = [f"{value:.3f} ({one}, {other})" for (one, other), value in zip(pairs, values, strict=True)]
    return ", ".join(named)


def _masks_of_one_shape(description: DatasetDescription, cases: Sequence[str]) -> dict[str, list[_Bits]]:
    """Read labels as one mask for each class, a bit for each voxel, without those of another shape than the first."""
    masks: dict[str, list[_Bits]] = {}
    shape = None
    for case in cases:
        with suppress(InputError):  # a file that went meanwhile is found by the next reading
            volume = read_volume(description.root / description.case(case).label)
            labels = RasReorientation.of(volume.affine).apply(volume.data[0])
            shape = shape or labels.shape
            if labels.shape == shape:
                masks[case] = [np.packbits(labels == value) for value in description.class_names]
    return masks


def _dice(first: _Bits, second: _Bits) -> float:
    both = _count(first) + _count(second)
    return 2.0 * _count(first & second) / both if both else 1.0


def _count(bits: _Bits) -> int:
    return int(np.count_nonzero(np.unpackbits(bits)))
