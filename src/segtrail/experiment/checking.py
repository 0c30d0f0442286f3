"""Reading and checking a data set, as every command does before it works on one."""

from dataclasses import dataclass
from pathlib import Path

from segtrail.config.schema import DataConfig
from segtrail.dataset.checking.checks import (
    CheckResult,
    check_dataset,
    describe_failures,
    describe_finding,
    refuse_unknown_checks,
    unusable_cases,
)
from segtrail.dataset.description import DatasetDescription
from segtrail.dataset.reading.scan import CaseScan, scan_dataset
from segtrail.dataset.reading.scan_cache import ScanCache
from segtrail.errors import CheckFailed
from segtrail.progress import Narrator
from segtrail.report.wording import format_count

_FINDINGS_SAID = 5


@dataclass(frozen=True)
class CheckedData:
    """A data set, what reading its files gave, and what the checks say of it.

    Attributes:
        scans: One scan per case, unusable ones too.
        left_out: Cases that can't be used, with the IDs of the checks that say so.
    """

    description: DatasetDescription
    scans: tuple[CaseScan, ...]
    results: tuple[CheckResult, ...]
    left_out: dict[str, tuple[str, ...]]

    @property
    def usable(self) -> tuple[CaseScan, ...]:
        """The scans of the cases that can be used."""
        return tuple(scan for scan in self.scans if scan.case not in self.left_out)


def read_and_check(
    description: DatasetDescription, config: DataConfig, narrator: Narrator, scan_folder: Path | None = None
) -> CheckedData:
    """Read every case of a data set and check it; nothing is refused yet.

    Args:
        description: The data set.
        config: Tolerance, allowed errors, and whether to read unchanged files again.
        narrator: Hears of progress.
        scan_folder: Where scans are remembered; None remembers nothing.

    Returns:
        The data set with the results of the checks.

    Raises:
        InputError: ``data.allow`` names no check.
    """
    cache = None if scan_folder is None else ScanCache(scan_folder, read_all=config.read_all)
    refuse_unknown_checks(config.allow)  # before a long reading
    with narrator.track("Reading and checking", len(description.cases)) as tracker:
        scans = scan_dataset(
            description, config.geometry_tolerance_mm, tracker.advance, None if cache is None else cache.scan
        )
    if cache is not None:
        cache.forget_unused()
    results = check_dataset(description, scans, config.allow)
    return CheckedData(description, scans, results, unusable_cases(description, results))


def require_sound(data: CheckedData, purpose: str, narrator: Narrator) -> None:
    """Say the warnings; stop where an error was found that is not allowed.

    Args:
        data: The checked data set.
        purpose: What it can't be used for, for the message: "trained on".
        narrator: Hears the warnings.

    Raises:
        CheckFailed: An error was found; all findings are listed.
    """
    refuse_unsound(data, purpose)
    for result in data.results:
        if result.severity == "warning" and result.findings:
            narrator.say(_describe_warning(result))
    for case, checks in data.left_out.items():
        narrator.say(f"Left out: {case} ({', '.join(checks)}), as data.allow says.")


def refuse_unsound(data: CheckedData, purpose: str) -> None:
    """Stop where an error was found that is not allowed; the warnings are left to somebody else.

    Args:
        data: The checked data set.
        purpose: What it can't be used for, for the message: "trained on".

    Raises:
        CheckFailed: An error was found; all findings are listed.
    """
    failures = describe_failures(data.results)
    if failures:
        raise CheckFailed(f"The data set {data.description.name} can't be {purpose}.\n{failures}")


def _describe_warning(result: CheckResult) -> str:
    said = [describe_finding(finding) for finding in result.findings[:_FINDINGS_SAID]]
    more = len(result.findings) - len(said)
    if more > 0:
        said.append(f"And {format_count(more, 'finding')} more.")
    allowed = ", allowed by data.allow" if result.allowed else ""
    return f"Warning ({result.check.id}{allowed}): {' '.join(said)} {result.check.remedy}"
