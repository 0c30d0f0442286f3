"""Images that are one image: the same voxels under two names, or nearly the same."""

from collections import defaultdict
from collections.abc import Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from segtrail.dataset.description import DatasetDescription
from segtrail.dataset.findings import Finding
from segtrail.dataset.reading.scan import CaseScan
from segtrail.errors import InputError
from segtrail.images.geometry import RasReorientation
from segtrail.images.nifti import read_volume

# Of the coarse volumes without their slow changes. Measured on hearts and hippocampi: images of two people reach
# 0.70 at most; a copy with noise, another scale, gamma, fewer bits, or half the voxels 0.87 to 1.
NEARLY_EQUAL = 0.9
_SMOOTHING_BLOCKS = 2.0


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
        Finding("duplicate-images", group[0], f"{', '.join(group)} hold the same voxels", group[1:])
        for group in groups
    ]
    findings += _near_duplicates(scans)
    by_name = {scan.case: scan for scan in scans}
    for group in groups:
        for first, second in combinations(group, 2):
            findings += _compare_labels(description, by_name[first], by_name[second])
    return findings


def _near_duplicates(scans: Sequence[CaseScan]) -> list[Finding]:
    seen = [scan for scan in scans if scan.quick_look is not None and scan.image is not None]
    if len(seen) < 2:
        return []
    fingerprints = np.stack([_pattern(scan.quick_look.coarse) for scan in seen if scan.quick_look])
    likeness = np.triu(fingerprints @ fingerprints.T, k=1)
    findings = []
    for first, second in np.argwhere(likeness > NEARLY_EQUAL):
        one, other = seen[first], seen[second]
        assert one.image is not None
        assert other.image is not None
        if one.image.sha256_voxels != other.image.sha256_voxels:
            evidence = f"{one.case} and {other.case} look alike: correlation {likeness[first, second]:.3f}"
            findings.append(Finding("near-duplicates", one.case, evidence, (other.case,)))
    return findings


def _pattern(coarse: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return what is fine in a coarse volume as a vector of length 1, or of zeros where it is flat."""
    fine = (coarse - ndimage.gaussian_filter(coarse, _SMOOTHING_BLOCKS)).ravel()
    fine -= fine.mean()
    norm = float(np.linalg.norm(fine))
    scale = float(np.abs(coarse).max())
    return np.asarray(fine / norm if norm > 1e-6 * scale else np.zeros_like(fine), dtype=np.float32)


def _compare_labels(description: DatasetDescription, first: CaseScan, second: CaseScan) -> list[Finding]:
    labels = [scan.label for scan in (first, second)]
    if any(label is None for label in labels) or len({label.sha256_voxels for label in labels if label}) == 1:
        return []
    try:
        one, other = (_labels_in_ras(description, scan.case) for scan in (first, second))
    except InputError:  # a file that went meanwhile is found by the next reading
        return []
    if one.shape != other.shape:
        return []
    agreement = ", ".join(
        f"{name} {_dice(one == value, other == value):.3f}" for value, name in description.class_names.items()
    )
    evidence = (
        f"{first.case} and {second.case} are one image with different labels; Dice between them: {agreement}"
    )
    return [Finding("duplicate-labels", first.case, evidence, (second.case,))]


def _labels_in_ras(description: DatasetDescription, case: str) -> NDArray[np.generic]:
    volume = read_volume(description.root / description.case(case).label)
    return RasReorientation.of(volume.affine).apply(volume.data[0])


def _dice(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> float:
    both = int(np.count_nonzero(first)) + int(np.count_nonzero(second))
    return 2.0 * int(np.count_nonzero(first & second)) / both if both else 1.0
