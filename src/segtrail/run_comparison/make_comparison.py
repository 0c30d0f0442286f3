"""Comparing runs: read them, match their cases, find what differs, and test the paired differences."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from string import ascii_uppercase

from segtrail.errors import InputError
from segtrail.run_comparison.code_differences import code_differences
from segtrail.run_comparison.common_cases import Side, find_common_cases
from segtrail.run_comparison.compared_run import ComparedRun, read_compared_run
from segtrail.run_comparison.comparison import RunComparison, Topic
from segtrail.run_comparison.configuration_differences import configuration_differences
from segtrail.run_comparison.data_differences import data_differences
from segtrail.run_comparison.difference import Difference
from segtrail.run_comparison.environment_differences import environment_differences
from segtrail.run_comparison.paired_statistics import PairedStatistics, compute_statistics, correct_all
from segtrail.run_comparison.paired_values import CaseValues, definitions_of

# More could not be told apart in one chart.
MOST_RUNS = 8
ALL_METRICS = "all"


@dataclass(frozen=True)
class ComparisonRequest:
    """What is to be compared.

    Attributes:
        folders: The run folders; the others are compared with the first.
        side: ``val`` or ``test``; None takes test cases where all runs have some in common.
        metrics: Columns of the metrics to test; empty for one of overlap, one of surfaces and one of the largest
            distance, and ``all`` for all that have a better and a worse.
    """

    folders: Sequence[Path]
    side: Side | None = None
    metrics: Sequence[str] = ()


def make_comparison(request: ComparisonRequest) -> RunComparison:
    """Compare runs; nothing is written.

    Args:
        request: What is to be compared.

    Returns:
        What was found.

    Raises:
        InputError: A run can't be compared, or the runs have no case, class or metric in common.
    """
    runs = _read_runs(request.folders)
    values = CaseValues(runs, find_common_cases(runs, request.side))
    known = definitions_of(runs, values.columns)
    directed = {column: definition for column, definition in known.items() if definition.better is not None}
    chosen = _choose(request.metrics, list(directed))
    definitions = {column: directed[column] for column in chosen}
    classes = [*([None] if len(values.classes) > 1 else []), *values.classes]
    statistics = [
        _compute(values, run.name, name, column, definitions[column].better)
        for run in runs[1:]
        for name in classes
        for column in chosen
    ]
    differences, notes = _find_differences(runs)
    return RunComparison(runs, values, definitions, directed, correct_all(statistics), differences, notes)


def _compute(
    values: CaseValues, run: str, class_name: str | None, column: str, better: str | None
) -> PairedStatistics:
    return compute_statistics(values.series(run, class_name, column, better), better)


def _read_runs(folders: Sequence[Path]) -> list[ComparedRun]:
    if len(folders) < 2:
        raise InputError("One run is given. Name two or more; the others are compared with the first.")
    if len(folders) > MOST_RUNS:
        raise InputError(
            f"{len(folders)} runs are given, and at most {MOST_RUNS} can be compared. `segtrail log` lists all runs."
        )
    runs = [read_compared_run(name, folder) for name, folder in zip(ascii_uppercase, folders, strict=False)]
    ids = [run.run_id for run in runs]
    twice = next((run_id for run_id in ids if ids.count(run_id) > 1), None)
    if twice is not None:
        raise InputError(f"The run {twice} is given more than once. Name runs that are not the same.")
    return runs


def _choose(wanted: Sequence[str], known: Sequence[str]) -> list[str]:
    if not known:
        raise InputError("The runs have no metric in common that has a better and a worse.")
    if list(wanted) == [ALL_METRICS]:
        return list(known)
    unknown = [column for column in wanted if column not in known]
    if unknown:
        raise InputError(
            f"--metrics names {', '.join(unknown)}, which can't be compared here. Choose from: {', '.join(known)}, or "
            f"{ALL_METRICS}."
        )
    # Few, since every test makes all others need more.
    surfaces = [column for column in known if column.startswith("nsd_")][:1]
    usual = [column for column in ("dice", *surfaces, "hd95_mm") if column in known]
    return list(dict.fromkeys(wanted)) or usual or list(known)


def _find_differences(
    runs: Sequence[ComparedRun],
) -> tuple[dict[Topic, list[Difference] | None], list[str]]:
    found: dict[Topic, tuple[list[Difference] | None, list[str]]] = {
        "configuration": configuration_differences(runs),
        "data": data_differences(runs),
        "code": code_differences(runs),
        "environment": environment_differences(runs),
    }
    differences = {topic: rows for topic, (rows, _) in found.items()}
    return differences, [note for _, notes in found.values() for note in notes]
