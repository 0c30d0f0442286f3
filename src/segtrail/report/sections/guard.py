"""The guard: what was out of the ordinary while validation and test cases were segmented."""

from segtrail.inference.guard_note import REASON_NAMES, describe_note
from segtrail.report.parts import Column, Heading, Paragraph, Part, Row, Table, Tone
from segtrail.report.record_schema import InferenceCase
from segtrail.report.run_contents import RunContents
from segtrail.report.wording import MISSING, SIDE_NAMES, format_count

_MOST_ROWS_TOGETHER = 4
_WHAT_IT_DOES = (
    "The guard doubts a result when a network is unsure or finds nothing, when the two networks disagree, when an "
    "organ reaches the border of the region or the edge of the image, when a class is missing, or when a volume lies "
    "far outside the range of the training cases."
)


def guard_section(contents: RunContents) -> list[Part]:
    """Build the list of evaluated cases that had the guard's attention.

    Args:
        contents: The run.

    Returns:
        A table, or a sentence where no case had it; nothing for a run with one stage and nothing to tell.
    """
    if contents.inference is None:
        return []
    cases = contents.inference.cases
    noted = [entry for entry in cases if entry.guard]
    if not noted and len(contents.stages) < 2:
        return []
    heading = Heading("The guard", level=2)
    what = [Paragraph(_WHAT_IT_DOES)] if len(contents.stages) > 1 else []
    if not noted:
        return [heading, *what, Paragraph("No case had the guard's attention.")]
    sides = {case.case: case.side for case in contents.dataset.cases} if contents.dataset else {}
    rows = [_row(entry, sides.get(entry.case, "")) for entry in noted]
    columns = [
        Column("Case", 1.1),
        Column("Side", 0.9),
        Column("In short", 1.4),
        Column("What was out of the ordinary, and what the guard did", 4.2),
    ]
    caption = _caption(len(noted), len(cases))
    return [heading, *what, Table(columns, rows, caption, keep_together=len(rows) <= _MOST_ROWS_TOGETHER)]


def _caption(n_noted: int, n_cases: int) -> str:
    return (
        f"{n_noted} of {format_count(n_cases, 'evaluated case')} had the guard's attention. How to read it: tinted "
        "rows end with a result that the guard still doubts, or with an empty map. Look at those cases first."
    )


def _row(entry: InferenceCase, side: str) -> Row:
    short = ", ".join(dict.fromkeys(REASON_NAMES.get(note.reason, note.reason) for note in entry.guard))
    sentences = " ".join(describe_note(note) for note in entry.guard)
    doubted = any(note.action in ("kept", "marked", "left_empty") for note in entry.guard)
    tone: Tone = "warning" if doubted else "neutral"
    return Row([entry.case, SIDE_NAMES.get(side, MISSING), short[:1].upper() + short[1:], sentences], tone)
