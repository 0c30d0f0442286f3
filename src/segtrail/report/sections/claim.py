"""The items of CLAIM with what the record of a run says of each, and what is left to people."""

from segtrail.report.claim_items import ITEMS, ClaimItem
from segtrail.report.parts import Column, Heading, Paragraph, Part, Row, Table
from segtrail.report.run_contents import RunContents
from segtrail.report.sections.claim_answers import ANSWERS
from segtrail.report.wording import format_count, join_words

_LONGEST_ANSWER = 150
_INTRODUCTION = (
    "CLAIM is a checklist for manuscripts: Tejani AS, Klontzas ME, Gatti AA, et al. Checklist for Artificial "
    "Intelligence in Medical Imaging (CLAIM): 2024 Update. Radiology: Artificial Intelligence 2024;6(4):e240300, "
    "published 29 May 2024. Here is what the record of this run says of its 44 items. The subjects are in our words; "
    "hold a manuscript against the checklist itself. Cases of “validation” here chose among epochs, unless the last "
    "one was taken by rule; the checklist speaks of tuning there, and of testing where cases took no part."
)


def claim_section(contents: RunContents) -> list[Part]:
    """Build the table of the items of CLAIM.

    Args:
        contents: The run.

    Returns:
        A row for each item: what the record says, in which file, and what is left to people.
    """
    columns = [
        Column("No.", 0.4, "right"),
        Column("Subject", 1.6),
        Column("What the record says", 2.6),
        Column("Left to people", 1.9),
    ]
    rows = [
        Row([str(item.number), item.subject, _answer(item, contents), _left(item, contents)])
        for item in ITEMS
    ]
    caption = (
        "The items of CLAIM. “Left to people” names questions of the model card, and what the authors of a manuscript "
        f"write. Files that answer an item are in brackets; {format_count(_n_with_record(contents), 'item')} have some."
    )
    return [Heading("CLAIM"), Paragraph(_INTRODUCTION), Table(columns, rows, caption)]


def _n_with_record(contents: RunContents) -> int:
    return sum(any((contents.folder / name).is_file() for name in item.where) for item in ITEMS)


def _answer(item: ClaimItem, contents: RunContents) -> str:
    """What the record says of an item, cut, with the files that it has for it."""
    if not item.where:
        return ANSWERS[item.number](contents) if item.number in ANSWERS else "nothing"
    files = [name for name in item.where if (contents.folder / name).is_file()]
    if not files:
        return "not on record"
    said = ANSWERS[item.number](contents) if item.number in ANSWERS else ""
    cut = said if len(said) <= _LONGEST_ANSWER else f"{said[: _LONGEST_ANSWER - 1]}…"
    return f"{cut} ({', '.join(files)})" if cut else f"see {join_words(files)}"


def _left(item: ClaimItem, contents: RunContents) -> str:
    asked = [_state_of(item.question, contents)] if item.question else []
    written = [f"by the authors: {item.authors}"] if item.authors else []
    return "; ".join([*asked, *written]) or "nothing"


def _state_of(question: str, contents: RunContents) -> str:
    card = contents.card
    if card is None:
        return f"a person says: {question}"
    return f"still to be answered: {question}" if question in card.open_questions else f"answered: {question}"
