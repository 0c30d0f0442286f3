"""A fact that is not the same in all runs."""

from collections.abc import Collection, Mapping, Sequence
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


def find_differences(runs: Sequence[ComparedRun], facts: Sequence[Facts]) -> list[Difference]:
    """Find the facts that are not the same in all runs.

    Args:
        runs: The runs.
        facts: The facts of each, by what they are.

    Returns:
        The differences, in the order of the first run, then of the others. What only the record of another program's
        training does not say is none: such a record holds less.
    """
    silent = {run.name for run in runs if run.is_recorded}
    names = dict.fromkeys(name for of_run in facts for name in of_run)
    rows = [
        Difference(name, {run.name: of_run.get(name) for run, of_run in zip(runs, facts, strict=True)})
        for name in names
    ]
    return [row for row in rows if _differs(row, silent)]


def _differs(row: Difference, silent: Collection[str]) -> bool:
    heard = {value for run, value in row.values.items() if value is not None or run not in silent}
    return len(heard) > 1


def as_text(value: object) -> str | None:
    """Write a fact as text; None where there is none."""
    if value is None or value == "":
        return None
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)
