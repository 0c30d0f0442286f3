"""The checks of a data set: each with its severity, what it found and what to do."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from segtrail.dataset.description import DatasetDescription
from segtrail.dataset.findings import Finding
from segtrail.dataset.scan import CaseScan

Severity = Literal["error", "warning", "note"]


@dataclass(frozen=True)
class Check:
    """A property that data must have, and what to do where they don't."""

    id: str
    title: str
    severity: Severity
    remedy: str


@dataclass(frozen=True)
class CheckResult:
    """A check with what it found; nothing found means passed."""

    check: Check
    findings: tuple[Finding, ...]

    @property
    def passed(self) -> bool:
        """Whether nothing was found."""
        return not self.findings

    @property
    def stops_training(self) -> bool:
        """Whether training must not start."""
        return self.check.severity == "error" and not self.passed


CHECKS = (
    Check(
        "entries",
        "Every entry names an image and a label",
        "error",
        "Correct the entries in dataset.json.",
    ),
    Check(
        "entries-once",
        "No case and no file stands there twice",
        "error",
        "Take the second entry out of dataset.json, or give the case another name.",
    ),
    Check(
        "files-inside",
        "All files lie in the data set's folder",
        "error",
        "Put the files into the data set's folder, and name them from there.",
    ),
    Check(
        "mac-files",
        "No entry names a macOS metadata file",
        "error",
        "Take the entries that begin with ._ out of dataset.json.",
    ),
    Check(
        "files-readable",
        "Files are there and readable to the last byte",
        "error",
        "Copy or download the named files again, or take their cases out of dataset.json.",
    ),
    Check(
        "dimensions",
        "Images are 3D with the channels that dataset.json names",
        "error",
        "Split or convert the named files, or correct the modality in dataset.json.",
    ),
    Check(
        "affine",
        "Affines place the voxels in space",
        "error",
        "Export the named files again from their source; the header is damaged.",
    ),
    Check(
        "geometry",
        "Image and label share one grid",
        "error",
        "Resample the label onto its image's grid, or correct the header that is wrong.",
    ),
    Check(
        "finite",
        "All intensities are finite",
        "error",
        "Replace NaN and infinite voxels at the step that made them.",
    ),
    Check(
        "label-values",
        "Labels hold only the values that dataset.json names",
        "error",
        "Correct the label map, or name the value in dataset.json.",
    ),
    Check(
        "label-empty",
        "No label map is empty",
        "error",
        "Draw the label, or take the case out of dataset.json.",
    ),
    Check(
        "duplicate-images",
        "No image stands under two names",
        "warning",
        "Keep one of them; until then they stay on one side of the split.",
    ),
)


def check_dataset(description: DatasetDescription, scans: Sequence[CaseScan]) -> tuple[CheckResult, ...]:
    """Judge what reading a data set gave.

    Args:
        description: The data set.
        scans: One scan per case.

    Returns:
        One result per check, in a fixed order.
    """
    findings: dict[str, list[Finding]] = defaultdict(list)
    for finding in (*description.findings, *(found for scan in scans for found in scan.findings)):
        findings[finding.check].append(finding)
    findings["duplicate-images"] = [
        Finding("duplicate-images", names[0], f"{', '.join(names)} hold the same voxels")
        for names in identical_images(scans)
    ]
    return tuple(CheckResult(check, tuple(findings[check.id])) for check in CHECKS)


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


def describe_finding(finding: Finding) -> str:
    """Return a finding as one sentence, its case in front."""
    return f"{finding.case}: {finding.evidence}." if finding.case else f"{finding.evidence}."


def describe_failures(results: Sequence[CheckResult]) -> str:
    """List every finding of the checks that stop training, with what to do about each."""
    lines = []
    for result in results:
        if result.stops_training:
            lines.append(f"{result.check.title}: no ({result.check.id}).")
            lines += [f"  {describe_finding(finding)}" for finding in result.findings]
            lines.append(f"  What to do: {result.check.remedy}")
    return "\n".join(lines)
