"""A fact that is not the same in all runs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from segtrail.run_comparison.compared_run import ComparedRun

Facts = Mapping[str, str | None]


@dataclass(frozen=True)
class Difference:
    """A fact that is not the same in all runs.

    Attributes:
        what: The fact: a key, a package, or words.
        values: What each run says, by its letter; None where it says nothing.
    """

    what: str
    values: Mapping[str, str | None]


def find_differences(
    runs: Sequence[ComparedRun], facts: Sequence[Facts], *, lists_are_whole: bool = False
) -> list[Difference]:
    """Find the facts that are not the same in all runs.

    Args:
        runs: The runs.
        facts: The facts of each, by what they are.
        lists_are_whole: Whether what a run does not say is not there. Otherwise that holds among runs of segtrail
            alone: the record of another program's training holds less than a run, and other things.

    Returns:
        The differences, in the order of the first run, then of the others.
    """
    names = dict.fromkeys(name for of_run in facts for name in of_run)
    rows = [
        Difference(name, {run.name: of_run.get(name) for run, of_run in zip(runs, facts, strict=True)})
        for name in names
    ]
    counts_missing = lists_are_whole or not any(run.is_recorded for run in runs)
    return [row for row in rows if _differs(row, counts_missing)]


def _differs(row: Difference, counts_missing: bool) -> bool:
    return len({value for value in row.values.values() if counts_missing or value is not None}) > 1


def as_text(value: object) -> str | None:
    """Write a fact as text; None where there is none."""
    if value is None or value == "":
        return None
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)
