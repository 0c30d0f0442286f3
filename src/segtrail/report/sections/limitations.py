"""Where the network failed or did worst, what limits its results, and what the guard did."""

from collections.abc import Sequence

from segtrail.report.card_text import CardText
from segtrail.report.parts import Bullets, Column, Heading, Paragraph, Part, Row, Table, Tone
from segtrail.report.record_schema import CaseRow
from segtrail.report.run_contents import RunContents
from segtrail.report.sections.guard import guard_section
from segtrail.report.sections.results import failure_sentence
from segtrail.report.wording import MISSING, SIDE_NAMES, format_count, format_number

_MOST_CLASSES = 20
_ROWS_TOGETHER = 12


def limitations_section(contents: RunContents) -> list[Part]:
    """Build the section about failures and limitations.

    Args:
        contents: The run.

    Returns:
        The worst case of each class, the limitations of the model card, and what the guard did.
    """
    return [
        Heading("Failures and limitations"),
        *worst_cases(contents.cases or []),
        *guard_section(contents),
        Heading("Limitations", level=2),
        *_limitations(contents.card),
    ]


def worst_cases(cases: Sequence[CaseRow]) -> list[Part]:
    """Name what failed, and the case with the lowest Dice of each class.

    Args:
        cases: The rows of all cases.

    Returns:
        A sentence and a table; a sentence where nothing was measured.
    """
    measured = [row for row in cases if row.status != "left_out"]
    if not measured:
        return [Paragraph("No case was measured, so none can have failed.", style="missing")]
    lowest: dict[tuple[str, str], CaseRow] = {}
    for row in sorted(measured, key=lambda row: (_dice(row), row.case)):
        lowest.setdefault((row.split, row.class_name), row)
    shown = list(lowest.values())[:_MOST_CLASSES]
    cut = f" The {_MOST_CLASSES} lowest of {len(lowest)}." if len(lowest) > _MOST_CLASSES else ""
    columns = [
        Column("Class", 2),
        Column("Side", 1),
        Column("Lowest Dice", 2),
        Column("Dice", 0.7, "right"),
        Column("Largest HD95", 2),
        Column("HD95 (mm)", 0.9, "right"),
    ]
    caption = (
        "The case with the lowest Dice of each class, the lowest first, and the one with the largest HD95: a small "
        f"part far off changes Dice little.{cut} Rows are tinted where the case with the lowest Dice failed."
    )
    rows = [_worst_row(row, _farthest(measured, row)) for row in shown]
    table = Table(columns, rows, caption, keep_together=len(rows) <= _ROWS_TOGETHER)
    return [Paragraph(failure_sentence(measured)), table]


def _dice(row: CaseRow) -> float:
    value = row.metric("dice")
    return 1.0 if value is None else value


def _farthest(rows: Sequence[CaseRow], like: CaseRow) -> CaseRow | None:
    """The case with the largest HD95 of the same class and side; None where none has one."""
    distances = {
        row.case: (value, row)
        for row in rows
        if (row.split, row.class_name) == (like.split, like.class_name)
        and (value := row.metric("hd95_mm")) is not None
    }
    return max(distances.values(), key=lambda pair: (pair[0], pair[1].case))[1] if distances else None


def _worst_row(lowest: CaseRow, farthest: CaseRow | None) -> Row:
    tone: Tone = "neutral" if lowest.status == "ok" else "bad"
    far = [farthest.case, format_number(farthest.metric("hd95_mm"), "mm")] if farthest else [MISSING, MISSING]
    dice = format_number(lowest.metric("dice"))
    return Row([lowest.class_name, SIDE_NAMES[lowest.split], lowest.case, dice, *far], tone)


def _limitations(card: CardText | None) -> list[Part]:
    if card is None:
        text = "The run has no model card, from which this part is taken; “segtrail card” makes one of a finished run."
        return [Paragraph(text, style="missing")]
    listed: list[Part] = [Bullets(card.limitations)] if card.limitations else []
    still_open = [Paragraph(_describe_open(card), style="small")] if card.open_questions else []
    return [*listed, *still_open]


def _describe_open(card: CardText) -> str:
    n_open = len(card.open_questions)
    return (
        f"{format_count(n_open, 'answer')} that only a person can give {'was' if n_open == 1 else 'were'} missing when "
        f"this report was made: {', '.join(card.open_questions)}. “segtrail card --template” asks for them."
    )
