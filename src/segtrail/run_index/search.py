"""What to look for among the runs, and what was found."""

from collections.abc import Sequence
from dataclasses import dataclass

from segtrail.run_index.indexed_run import IndexedRun


@dataclass(frozen=True)
class Search:
    """A search over the index.

    Attributes:
        text: What a run must match, all of it: ``dice>0.8 model=dynunet since=2026-01 "first try" -failed``. Empty
            finds all. ``docs/runs.md`` describes the language.
        sort: The column to sort by; runs that have no value there come last in both directions.
        descending: Whether the greatest value comes first.
        limit: How many runs to give at most; None for all.
        offset: How many runs to pass over first.
    """

    text: str = ""
    sort: str = "created"
    descending: bool = True
    limit: int | None = 50
    offset: int = 0


@dataclass(frozen=True)
class FoundRuns:
    """What a search found.

    Attributes:
        runs: The runs of this page, in order.
        total: How many runs match, on all pages.
        n_indexed: How many folders the index knows.
        n_problems: How many of these have a ``problem``.
    """

    runs: Sequence[IndexedRun]
    total: int
    n_indexed: int
    n_problems: int
