"""What differs between runs, as tables that hold the differences alone."""

from collections.abc import Sequence

from segtrail.report.parts import Column, Heading, Paragraph, Part, Row, Table
from segtrail.report.wording import MISSING, join_words
from segtrail.run_comparison.comparison import RunComparison
from segtrail.run_comparison.difference import Difference
from segtrail.run_comparison.wording import difference_value, shorten

_MOST_DIFFERENCES = 40
# Characters of a table's cells over all runs, so that rows stay short with many of them.
_CHARACTERS_OF_A_ROW = 130
_LONGEST_HASH = 16
_TITLES = {"configuration": "Configuration", "data": "Data", "code": "Code", "environment": "Environment"}


def differences_section(comparison: RunComparison) -> list[Part]:
    """Build the tables of what is not the same in settings, data, code and environment.

    Args:
        comparison: The comparison.

    Returns:
        A table for each topic with differences, and sentences on what could not be compared.
    """
    parts: list[Part] = [Heading("What differs")]
    without = [_TITLES[topic].lower() for topic, rows in comparison.differences.items() if rows == []]
    if without:
        parts.append(Paragraph(f"No difference on record: {join_words(without)}."))
    for topic, rows in comparison.differences.items():
        if rows:
            parts += [Heading(_TITLES[topic], level=2), *_table_of_differences(comparison, rows)]
    return [*parts, *[Paragraph(note, "missing") for note in comparison.notes]]


def _table_of_differences(comparison: RunComparison, rows: Sequence[Difference]) -> list[Part]:
    names = [run.name for run in comparison.runs]
    longest = max(_LONGEST_HASH, _CHARACTERS_OF_A_ROW // len(names))

    def cell(text: str | None) -> str:
        is_hash = text is not None and len(text) in (40, 64) and set(text) <= set("0123456789abcdef")
        return shorten(difference_value(text), _LONGEST_HASH if is_hash else longest)

    shown = [Row([row.what, *(cell(row.values[name]) for name in names)]) for row in rows[:_MOST_DIFFERENCES]]
    columns = [Column("What", 1.2, code=True), *(Column(name, 1, code=True) for name in names)]
    more = len(rows) - len(shown)
    rest = f" And {more:,} more, in comparison.json." if more > 0 else ""
    caption = f"Only what is not the same; {MISSING} where a run says nothing. Long values are cut here alone.{rest}"
    return [Table(columns, shown, caption)]
