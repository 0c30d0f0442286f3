"""Rows of the index: written, taken out, and read back."""

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segtrail.run_index.indexed_run import COLUMNS, IndexedRun, Kind

SELECT = f"SELECT {', '.join(COLUMNS)} FROM runs"  # noqa: S608 (names of our own)
_YES_NO = tuple(name for name, column in COLUMNS.items() if column.kind == Kind.YES_NO)
# The columns whose words are found by a search that names no column.
SEARCHED = (
    "folder",
    "run_id",
    "status",
    "ended_because",
    "project",
    "description",
    "operator",
    "dataset",
    "model",
    "program",
    "signed_off",
    "notes",
)
_INSERT = (
    f"INSERT INTO runs (state, case_list, {', '.join(COLUMNS)}) "  # noqa: S608 (names of our own)
    f"VALUES ({', '.join('?' * (2 + len(COLUMNS)))})"
)


@dataclass(frozen=True)
class NewRow:
    """A row to write.

    Attributes:
        run: The run.
        state: The state of its folder, from before it was read.
        cases: Names of its cases.
    """

    run: IndexedRun
    state: str
    cases: Sequence[str]


def known_states(connection: sqlite3.Connection) -> dict[str, str]:
    """Return the state of each folder when it was read, by its name."""
    return dict(connection.execute("SELECT folder, state FROM runs").fetchall())


def remove(connection: sqlite3.Connection, folders: Iterable[str]) -> None:
    """Take out the rows of some folders."""
    names = [(folder,) for folder in folders]
    of_folder = "(SELECT id FROM runs WHERE folder = ? COLLATE BINARY)"
    connection.executemany(f"DELETE FROM words WHERE rowid = {of_folder}", names)  # noqa: S608 (no text of a user)
    connection.executemany(f"DELETE FROM runs WHERE id = {of_folder}", names)  # noqa: S608 (no text of a user)


def remove_all(connection: sqlite3.Connection) -> None:
    """Take out all rows."""
    for table in ("words", "runs", "case_lists"):
        connection.execute(f"DELETE FROM {table}")  # noqa: S608 (names of our own)


def remove_unused_case_lists(connection: sqlite3.Connection) -> None:
    """Take out the lists of cases that no run has any more."""
    connection.execute(
        "DELETE FROM case_lists WHERE id NOT IN (SELECT case_list FROM runs WHERE case_list IS NOT NULL)"
    )


def write(connection: sqlite3.Connection, rows: Sequence[NewRow]) -> None:
    """Write rows, in place of those of the same folders."""
    remove(connection, [row.run.folder for row in rows])
    for row in rows:
        values = [getattr(row.run, name) for name in COLUMNS]
        row_id = connection.execute(
            _INSERT, (row.state, _case_list(connection, row.cases), *values)
        ).lastrowid
        words = "\n".join(filter(None, (getattr(row.run, name) for name in SEARCHED)))
        connection.execute("INSERT INTO words (rowid, text) VALUES (?, ?)", (row_id, words))


def read(row: Sequence[Any], runs_folder: Path) -> IndexedRun:
    """Return a row of ``SELECT`` as a run."""
    values = dict(zip(COLUMNS, row, strict=True))
    values |= {name: None if values[name] is None else bool(values[name]) for name in _YES_NO}
    return IndexedRun(path=runs_folder / values["folder"], **values)


def _case_list(connection: sqlite3.Connection, cases: Sequence[str]) -> int | None:
    """Return the number of a list of cases; runs of the same cases share one."""
    if not cases:
        return None
    names = "\n".join(["", *cases, ""])
    connection.execute("INSERT OR IGNORE INTO case_lists (names) VALUES (?)", (names,))
    return int(connection.execute("SELECT id FROM case_lists WHERE names = ?", (names,)).fetchone()[0])
