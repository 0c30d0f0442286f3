"""Where a network failed or did worst, what the guard saw, and what the checks of the data found."""

from segtrail.report.dataset_schema import CheckOutcome
from segtrail.report.parts import Heading, Paragraph, Part
from segtrail.report.record_schema import CaseRow
from segtrail.report.run_contents import RunContents
from segtrail.report.sections.data_description import describe_finding
from segtrail.report.sections.guard import guard_section
from segtrail.report.sections.results import case_table, failure_sentence, metrics_of
from segtrail.report.wording import SIDE_NAMES

_WORST_SHOWN = 3
_FINDINGS_SHOWN = 5


def failure_modes(contents: RunContents) -> list[Part]:
    """Say where the network failed or did worst.

    Args:
        contents: The run.

    Returns:
        The worst cases of each side and class, what the guard saw, and the checks of the data that found something.
    """
    return [
        Heading("Worst cases", level=2),
        *_worst_cases(contents),
        *guard_section(contents),
        Heading("Checks of the data", level=2),
        *_checks(contents),
    ]


def _worst_cases(contents: RunContents) -> list[Part]:
    counted = [row for row in contents.cases or [] if row.status != "left_out"]
    if not counted:
        return [Paragraph("No case was measured.")]
    metrics = metrics_of(counted, contents.metrics)
    parts: list[Part] = [Paragraph(failure_sentence(counted))]
    for side in ("test", "val"):
        for name in dict.fromkeys(row.class_name for row in counted):
            rows = [row for row in counted if (row.split, row.class_name) == (side, name)]
            worst = sorted(rows, key=lambda row: (_dice(row), row.case))[:_WORST_SHOWN]
            caption = f"The lowest Dice of {name}, {len(worst)} of {len(rows)} {SIDE_NAMES[side]} cases:"
            parts += [case_table(worst, metrics, caption)] if worst else []
    if contents.share is None:
        parts.append(Paragraph(f"The pictures of {_pictured(contents)} lie in examples."))
    return parts


def _pictured(contents: RunContents) -> str:
    ranked = "the best, median and worst validation case"
    examples = [] if contents.examples is None else contents.examples.examples
    return f"{ranked} and of flagged ones" if any(one.rank == "flagged" for one in examples) else ranked


def _dice(row: CaseRow) -> float:
    value = row.metric("dice")
    return 1.0 if value is None else value


def _checks(contents: RunContents) -> list[Part]:
    checks = contents.dataset.checks if contents.dataset else []
    found = [check for check in checks if check.status == "failed"]
    if not found:
        return [Paragraph(f"All {len(checks)} checks passed.")]
    texts = [_describe(check) for check in found]
    passed = len(checks) - len(found)
    return [Paragraph(f"{passed} of {len(checks)} checks passed. The others found:"), *map(Paragraph, texts)]


def _describe(check: CheckOutcome) -> str:
    allowed = ", allowed by data.allow" if check.allowed else ""
    texts = [describe_finding(finding) for finding in check.findings[:_FINDINGS_SHOWN]]
    more = len(check.findings) - len(texts)
    rest = [f"And {more:,} more, listed in dataset_summary.json."] if more > 0 else []
    return " ".join([f"{check.title} ({check.id}, {check.severity}{allowed}):", *texts, *rest])
