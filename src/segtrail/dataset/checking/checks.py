"""The checks of a data set: each with its severity, what it found and what to do."""

import difflib
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

from segtrail.dataset.checking.duplicates import find_duplicates
from segtrail.dataset.checking.outliers import find_outliers
from segtrail.dataset.checking.stray_files import find_stray_files
from segtrail.dataset.checking.unlabelled import find_missing_unlabelled
from segtrail.dataset.description import DatasetDescription
from segtrail.dataset.findings import Finding
from segtrail.dataset.names import comparable
from segtrail.dataset.reading.scan import CaseScan
from segtrail.errors import InputError

Severity = Literal["error", "warning", "note"]


@dataclass(frozen=True)
class Check:
    """A property that data must have, and what to do where they don't.

    Attributes:
        forbids_case: Whether a finding takes its entry or case out, also where the check is allowed.
    """

    id: str
    title: str
    severity: Severity
    remedy: str
    forbids_case: bool = False


@dataclass(frozen=True)
class CheckResult:
    """A check with what it found; nothing found means passed.

    Attributes:
        allowed: Whether the configuration turned this error into a warning.
    """

    check: Check
    findings: tuple[Finding, ...]
    allowed: bool = False

    @property
    def passed(self) -> bool:
        """Whether nothing was found."""
        return not self.findings

    @property
    def severity(self) -> Severity:
        """How much the check weighs here: an error that is allowed is a warning."""
        return "warning" if self.allowed and self.check.severity == "error" else self.check.severity

    @property
    def stops_training(self) -> bool:
        """Whether training must not start."""
        return self.severity == "error" and not self.passed


CHECKS = (
    Check(
        "entries",
        "Every entry names an image and a label",
        "error",
        "Correct the entries in dataset.json.",
        forbids_case=True,
    ),
    Check(
        "entries-once",
        "No case and no file stands there twice",
        "error",
        "Take the second entry out of dataset.json, or give the case another name.",
        forbids_case=True,
    ),
    Check(
        "files-inside",
        "All files lie in the data set's folder",
        "error",
        "Put the files themselves into the data set's folder, and name them from there.",
        forbids_case=True,
    ),
    Check(
        "mac-files",
        "No entry names a macOS metadata file",
        "error",
        "Take the entries that begin with ._ out of dataset.json.",
        forbids_case=True,
    ),
    Check(
        "files-readable",
        "Files are there and readable to the last byte",
        "error",
        "Copy or download the named files again, or take their cases out of dataset.json.",
        forbids_case=True,
    ),
    Check(
        "dimensions",
        "Images are 3D with the channels that dataset.json names",
        "error",
        "Split or convert the named files, or correct the modality in dataset.json.",
        forbids_case=True,
    ),
    Check(
        "affine",
        "Affines place the voxels in space",
        "error",
        "Export the named files again from their source; the header is damaged.",
        forbids_case=True,
    ),
    Check(
        "shape",
        "Image and label have the same number of voxels",
        "error",
        "Resample the label onto its image's grid, or find the label that belongs to the image.",
        forbids_case=True,
    ),
    Check(
        "geometry",
        "Image and label share one grid",
        "error",
        "Correct the header that is wrong, or resample the label onto its image's grid. Where the image's header is "
        "right for both, data.allow: [geometry] takes it for the label too.",
    ),
    Check(
        "finite",
        "All intensities are finite",
        "error",
        "Replace NaN and infinite voxels at the step that made them.",
        forbids_case=True,
    ),
    Check(
        "label-fractional",
        "Labels are whole numbers",
        "error",
        "Resample label maps with nearest neighbours, or threshold probabilities, before they are stored.",
        forbids_case=True,
    ),
    Check(
        "label-values",
        "Labels hold only the values that dataset.json names",
        "error",
        "Correct the label map, or name the value in dataset.json.",
        forbids_case=True,
    ),
    Check(
        "label-empty",
        "No label map is empty",
        "error",
        "Draw the label, or take the case out of dataset.json. Where the organ is truly absent, "
        "data.allow: [label-empty] keeps the case.",
    ),
    Check(
        "label-absent",
        "Every label map marks every class",
        "note",
        "Nothing has to be done where the class is truly absent; else draw it.",
    ),
    Check(
        "duplicate-images",
        "No image stands under two names",
        "warning",
        "Keep one of them; until then they stay on one side of the split.",
    ),
    Check(
        "near-duplicates",
        "No two images look alike",
        "warning",
        "Look at them. Of one scan keep one; name two scans of one patient as a group, so that they stay on one side.",
    ),
    Check(
        "duplicate-labels",
        "Identical images have identical labels",
        "warning",
        "Decide which label is right. The Dice between them is what two readers of this image reach.",
    ),
    Check(
        "label-border",
        "No label touches the border of its image",
        "warning",
        "Look whether the image cuts the organ off: volumes and surface distances of such a case mean less.",
    ),
    Check(
        "label-parts",
        "Every class lies in one piece",
        "warning",
        "Look for stray voxels, which distort surface distances. Organs in several parts are as they should be.",
    ),
    Check(
        "label-float",
        "Label maps are stored as whole numbers",
        "warning",
        "Nothing has to be done. Stored as uint8 they are smaller, and no program mistakes them for intensities.",
    ),
    Check(
        "qform-sform",
        "The affines of a header are whole and agree",
        "warning",
        "Find out which one is right and write it into both; programs differ in which they take.",
    ),
    Check(
        "outlier-spacing",
        "No spacing lies far from the others",
        "warning",
        "Look whether the header is right, and whether the case belongs here.",
    ),
    Check(
        "outlier-size",
        "No field of view lies far from the others",
        "warning",
        "Look whether the image is cut or holds more than the others.",
    ),
    Check(
        "outlier-intensity",
        "No intensities lie far from the others",
        "warning",
        "Look for another scanner, protocol or unit. A normalisation per image may be enough.",
    ),
    Check(
        "outlier-volume",
        "No labelled volume lies far from the others",
        "warning",
        "Look at the label; then at the spacing in the header.",
    ),
    Check(
        "identifying",
        "Nothing in names and headers may identify a patient",
        "warning",
        "Look at the named files; rename them, and write them anew without the texts and extensions.",
    ),
    Check(
        "unlabelled",
        "Images listed under test can be used",
        "note",
        "They are passed over by predict; correct or remove them.",
    ),
    Check(
        "stray-files",
        "The folders hold only what dataset.json names",
        "note",
        "They are not read. Add them to dataset.json, or delete them.",
    ),
)


def check_dataset(
    description: DatasetDescription, scans: Sequence[CaseScan], allow: Collection[str] = ()
) -> tuple[CheckResult, ...]:
    """Judge what reading a data set gave.

    Args:
        description: The data set.
        scans: One scan per case.
        allow: IDs of errors that count as warnings.

    Returns:
        One result per check, in a fixed order.

    Raises:
        InputError: An ID names no check.
    """
    refuse_unknown_checks(allow)
    findings: dict[str, list[Finding]] = defaultdict(list)
    for finding in (
        *description.findings,
        *(found for scan in scans for found in scan.findings),
        *find_duplicates(description, scans),
        *find_outliers(scans),
        *find_missing_unlabelled(description),
        *find_stray_files(description),
    ):
        findings[finding.check].append(finding)
    return tuple(CheckResult(check, tuple(findings[check.id]), check.id in allow) for check in CHECKS)


def unusable_cases(
    description: DatasetDescription, results: Sequence[CheckResult]
) -> dict[str, tuple[str, ...]]:
    """Return the cases that can't be used, with the IDs of the checks that say so.

    Args:
        description: The data set. Of entries of one name a faulty one takes no sound one out.
        results: What the checks found in it.

    Returns:
        Every case that ``dataset.json`` names and that must not be used, whether its entry or its files are faulty.
    """
    of_entries = set(description.findings)
    forbidding = [
        (finding.case, finding)
        for result in results
        if result.check.forbids_case
        for finding in result.findings
        if finding.case is not None
    ]
    unfit = {comparable(case) for case, finding in forbidding if finding not in of_entries}
    staying = {comparable(case.case) for case in description.cases} - unfit
    found: dict[str, dict[str, None]] = defaultdict(dict)
    for case, finding in forbidding:
        if comparable(case) not in staying:
            found[case][finding.check] = None
    return {case: tuple(checks) for case, checks in found.items()}


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


def refuse_unknown_checks(allow: Collection[str]) -> None:
    """Make sure that every ID names a check that stops training.

    Raises:
        InputError: One does not.
    """
    known = [check.id for check in CHECKS if check.severity == "error"]
    for name in allow:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"Did you mean {near[0]}? " if near else ""
            raise InputError(
                f"data.allow names {name!r}, which is no check that stops training. {hint}"
                f"Those are: {', '.join(known)}."
            )
