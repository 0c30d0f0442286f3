"""Reading all runs of an output folder into the rows of the experiment log."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segtrail.dataset.names import shown_list
from segtrail.errors import InputError
from segtrail.experiment_log.columns import Column
from segtrail.experiment_log.logged_run import LoggedRun
from segtrail.progress import Narrator

_SIGNS = ("run.json", "manifest.json", "journal.jsonl")


@dataclass(frozen=True)
class Row:
    """A run in the log.

    Attributes:
        run_id: Its ID, or the name of its folder.
        folder: The name of its folder.
        values: What the record says, by the name of the column; None for a gap.
        problems: What could not be read.
    """

    run_id: str
    folder: str
    values: Mapping[str, Any]
    problems: tuple[str, ...]


@dataclass(frozen=True)
class Log:
    """The experiment log.

    Attributes:
        columns: Its columns.
        rows: The runs, the newest first.
        definitions: What its metrics mean, by their column in metrics_summary.json; several where runs differ.
    """

    columns: Sequence[Column]
    rows: Sequence[Row]
    definitions: Mapping[str, Sequence[str]]

    def as_mapping(self) -> dict[str, Any]:
        """Return it as the JSON object of the command."""
        return {
            "schema_version": 1,
            "columns": [column.name for column in self.columns],
            "runs": [{**row.values, "problems": list(row.problems)} for row in self.rows],
            "definitions": {name: list(texts) for name, texts in self.definitions.items()},
        }

    def texts(self, row: Row) -> list[str]:
        """Return a row for a person."""
        return [column.text(row.values[column.name]) for column in self.columns]

    def problem_lines(self) -> list[str]:
        """Say what could not be read, a line for each run, and which runs are there more than once."""
        unread = [
            f"Not all could be read of {row.run_id}: {' '.join(row.problems)}"
            for row in self.rows
            if row.problems
        ]
        folders: dict[str, list[str]] = {}
        for row in self.rows:
            folders.setdefault(row.run_id, []).append(row.folder)
        twice = {run_id: names for run_id, names in folders.items() if len(names) > 1}
        return unread + [
            f"{run_id} lies in several folders: {shown_list(names)}." for run_id, names in twice.items()
        ]


def make_log(output_root: Path, columns: Sequence[Column], narrator: Narrator) -> Log:
    """Read the runs of an output folder; no file is written.

    Args:
        output_root: Folder that holds ``runs``.
        columns: What to read of each.
        narrator: Shows progress.

    Returns:
        The log, the newest run first, as tracking servers list them.

    Raises:
        InputError: There is no run.
    """
    folders = _run_folders(output_root / "runs")
    rows, definitions = [], dict[str, dict[str, None]]()
    with narrator.track("Reading runs", len(folders)) as tracker:
        for folder in folders:
            run = LoggedRun(folder)
            values = {column.name: column.value(run) for column in columns}
            for metric, text in _definitions(run, columns):
                definitions.setdefault(metric, {})[text] = None
            rows.append(Row(run.run_id, folder.name, values, tuple(dict.fromkeys(run.problems))))
            tracker.advance()
    rows.sort(key=lambda row: row.run_id, reverse=True)
    return Log(columns, rows, {metric: sorted(texts) for metric, texts in sorted(definitions.items())})


def _run_folders(runs: Path) -> list[Path]:
    """List the folders of runs, also those that were renamed, and those of runs that lost their files."""
    found = sorted(runs.iterdir()) if runs.is_dir() else []
    folders = [path for path in found if not path.name.startswith(".") and path.is_dir() and _is_run(path)]
    if not folders:
        raise InputError(f"There is no run in {runs} yet. Train one, or give --output-root.")
    return folders


def _is_run(folder: Path) -> bool:
    try:
        return folder.name.startswith("run_") or any((folder / sign).exists() for sign in _SIGNS)
    except OSError:  # a folder without rights, of which nobody knows what it holds
        return False


def _definitions(run: LoggedRun, columns: Sequence[Column]) -> list[tuple[str, str]]:
    beginnings = tuple(column.metrics for column in columns if column.metrics)
    if not beginnings or run.metrics is None:
        return []
    return [
        (metric, definition.definition)
        for metric, definition in run.metrics.definitions.items()
        if metric.startswith(beginnings)
    ]
