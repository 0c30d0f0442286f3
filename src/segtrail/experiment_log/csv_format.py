"""The experiment log as CSV (RFC 4180), for programs and spreadsheets."""

import csv
import io
from typing import Any

from segtrail.experiment_log.columns import Column
from segtrail.experiment_log.make_log import Log

# A spreadsheet takes a text that begins with one of these for a formula, and runs it.
_FORMULA_SIGNS = ("=", "+", "-", "@", "＝", "＋", "－", "＠")


def as_csv(log: Log) -> str:
    """Return the log as CSV: numbers unrounded, lines that end as RFC 4180 says.

    An apostrophe is put before a text that a spreadsheet would take for a formula.
    """
    stream = io.StringIO()
    writer = csv.writer(stream)
    writer.writerow([column.name for column in log.columns])
    for row in log.rows:
        writer.writerow([_cell(column, row.values[column.name]) for column in log.columns])
    return stream.getvalue()


def _cell(column: Column, value: Any) -> str:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return repr(value)
    return without_formula(column.text(value))


def without_formula(text: str) -> str:
    """Return a text such that no spreadsheet takes it for a formula: where it begins like one, with an apostrophe."""
    return f"'{text}" if text.startswith(_FORMULA_SIGNS) else text
