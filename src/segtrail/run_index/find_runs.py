"""Searching runs from Python."""

from pathlib import Path

from segtrail.run_index.index import RunIndex
from segtrail.run_index.indexed_run import IndexedRun
from segtrail.run_index.search import Search


def find_runs(
    search: str = "",
    output_root: str | Path = "outputs",
    *,
    sort: str = "created",
    descending: bool = True,
    limit: int | None = None,
) -> list[IndexedRun]:
    """Search all runs of an output folder, as ``segtrail runs`` does; run folders are not written.

    Args:
        search: What runs must match, as ``docs/runs.md`` describes it; empty finds all.
        output_root: Folder whose ``runs`` is searched.
        sort: The column to sort by; runs without a value come last.
        descending: Whether the greatest value comes first.
        limit: How many runs to give at most; None for all.

    Returns:
        The runs, each with the columns of ``docs/runs.md`` as attributes, and its ``path``.

    Raises:
        InputError: The search can't be understood, or the runs can't be listed.
    """
    with RunIndex.open(Path(output_root).expanduser()) as index:
        index.refresh()
        return list(index.find(Search(search, sort, descending, limit)).runs)
