"""Found runs as a table on a terminal, as CSV and as JSON."""

import csv
import io
from collections.abc import Sequence
from typing import Any, TextIO

from segtrail.experiment_log.csv_format import without_formula
from segtrail.experiment_log.terminal import print_table
from segtrail.progress import without_controls
from segtrail.run_index.indexed_run import COLUMNS, Column, IndexedRun, Value
from segtrail.run_index.search import FoundRuns

USUAL = tuple(
    COLUMNS[name] for name in ("run_id", "status", "dataset", "model", "epochs", "dice", "hd95", "notes")
)


def print_runs(runs: Sequence[IndexedRun], columns: Sequence[Column], stream: TextIO) -> None:
    """Print a table: drawn on a terminal, elsewhere one line for each run."""
    titles = [column.title for column in columns]
    longs = [column.is_long for column in columns]
    rows = [[without_controls(column.show(getattr(run, column.name))) for column in columns] for run in runs]
    print_table(titles, longs, rows, stream)


def as_csv(runs: Sequence[IndexedRun], columns: Sequence[Column]) -> str:
    """Return runs as CSV (RFC 4180): numbers unrounded, and no text that a spreadsheet would take for a formula."""
    stream = io.StringIO()
    writer = csv.writer(stream)
    writer.writerow([column.name for column in columns])
    for run in runs:
        writer.writerow([_cell(column, getattr(run, column.name)) for column in columns])
    return stream.getvalue()


def as_mapping(found: FoundRuns, columns: Sequence[Column]) -> dict[str, Any]:
    """Return what was found as the JSON object of the command."""
    return {
        "schema_version": 1,
        "total": found.total,
        "n_indexed": found.n_indexed,
        "n_problems": found.n_problems,
        "runs": [{column.name: getattr(run, column.name) for column in columns} for run in found.runs],
    }


def summary_lines(found: FoundRuns) -> list[str]:
    """Say how many runs are shown of how many, and how many could not be read whole."""
    lines = [f"{found.total} of {_counted(found.n_indexed, 'run')}."]
    if len(found.runs) < found.total:
        lines = [
            f"{len(found.runs)} of {found.total} runs that match, of {found.n_indexed}. --all gives all."
        ]
    if found.n_problems:
        lines.append(
            f'Not all could be read of {_counted(found.n_problems, "run")}: `segtrail runs "problem=*" --columns '
            "folder,problem` says what."
        )
    return lines


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _cell(column: Column, value: Value) -> str:
    if column.is_number and value is not None:
        return repr(value)
    return without_formula(column.show(value))
