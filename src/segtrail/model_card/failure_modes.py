"""Where a network failed or did worst, what the guard saw, and what the checks of the data found."""

from collections.abc import Sequence

from segtrail.report.parts import Column, Heading, Paragraph, Part, Row, Table
from segtrail.report.record_schema import CaseRow, CheckOutcome, Definition
from segtrail.report.run_contents import RunContents
from segtrail.report.sections.data import describe_finding
from segtrail.report.sections.guard import guard_section
from segtrail.report.wording import SIDE_NAMES, format_number

_WORST_SHOWN = 3
_FAILED_SHOWN = 20
_FINDINGS_SHOWN = 5
_WORDS = {"ok": "ok", "missed": "missed: nothing was predicted", "false_positive": "predicted, but not there"}


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
    failed = [row for row in counted if row.status != "ok"]
    parts: list[Part] = [Paragraph(_failures(failed))]
    for side in ("test", "val"):
        for name in dict.fromkeys(row.class_name for row in counted):
            rows = [row for row in counted if (row.split, row.class_name) == (side, name)]
            if rows:
                parts.append(_table(side, name, rows, contents))
    parts.append(Paragraph("The pictures of the best, median and worst validation case lie in examples."))
    return parts


def _failures(failed: Sequence[CaseRow]) -> str:
    if not failed:
        return "No case failed: each class was found where the reference holds it, and only there."
    named = "; ".join(
        f"{row.case} ({row.class_name}, {_WORDS[row.status]})" for row in failed[:_FAILED_SHOWN]
    )
    more = len(failed) - _FAILED_SHOWN
    rest = f"; and {more:,} more, listed in metrics_cases.csv" if more > 0 else ""
    return f"Cases that failed: {named}{rest}."


def _table(side: str, name: str, rows: Sequence[CaseRow], contents: RunContents) -> Table:
    definitions = contents.metrics.definitions if contents.metrics else {}
    known = dict.fromkeys(column for row in rows for column in row.columns())
    metrics = {column: definitions.get(column) or Definition(name=column, definition="") for column in known}
    worst = sorted(rows, key=lambda row: (_dice(row), row.case))[:_WORST_SHOWN]
    columns = [
        Column("Case"),
        *(Column(_title(metric), 1, "right") for metric in metrics.values()),
        Column("Status"),
    ]
    cells = [
        Row(
            [
                row.case,
                *(format_number(row.metric(column), metric.unit) for column, metric in metrics.items()),
                _WORDS[row.status],
            ]
        )
        for row in worst
    ]
    caption = f"The lowest Dice of {name}, {len(worst)} of {len(rows)} {SIDE_NAMES[side]} cases:"
    return Table(columns, cells, caption)


def _dice(row: CaseRow) -> float:
    value = row.metric("dice")
    return 1.0 if value is None else value


def _title(definition: Definition) -> str:
    return f"{definition.name} ({definition.unit})" if definition.unit else definition.name


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
