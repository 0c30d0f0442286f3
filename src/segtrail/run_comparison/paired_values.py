"""The values of two runs in the same cases, class by class and metric by metric."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from segtrail.errors import InputError
from segtrail.evaluation.metrics import metric_definitions
from segtrail.report.record_schema import Definition
from segtrail.run_comparison.common_cases import CommonCases
from segtrail.run_comparison.compared_run import ComparedRun

_FAILED = ("missed", "false_positive")


@dataclass(frozen=True)
class Pair:
    """One metric of one class in one case, in the first run and in another one.

    Attributes:
        case: The case, as the first run names it.
        base: The value of the first run; of a metric that is best at 0, the distance from it.
        other: That of the other one.
        difference: The other minus the first.
    """

    case: str
    base: float
    other: float
    difference: float


@dataclass(frozen=True)
class PairedSeries:
    """One metric of one class in two runs.

    Attributes:
        run: The run that is compared with the first one, by its letter.
        class_name: The class; None for the mean over all classes.
        metric: The column of the metric.
        pairs: The cases in which both have a value.
        n_undefined: Cases in which one of them has none.
        n_failed_base: Cases of the class that failed in the first run; of all classes, pairs of case and class.
        n_failed: The same in the other run.
    """

    run: str
    class_name: str | None
    metric: str
    pairs: Sequence[Pair]
    n_undefined: int
    n_failed_base: int
    n_failed: int


@dataclass(frozen=True)
class _Measured:
    """What one run measured in the common cases: metrics by case and class, and how many cases failed by class."""

    values: Mapping[tuple[str, str], Mapping[str, float]]
    failed: Counter[str]

    @property
    def classes(self) -> list[str]:
        return list(dict.fromkeys(name for _, name in self.values))

    @property
    def metrics(self) -> list[str]:
        return list(dict.fromkeys(column for columns in self.values.values() for column in columns))


def _measured_of(run: ComparedRun, common: CommonCases) -> _Measured:
    names = {case.names[run.name]: case.name for case in common.cases}
    results = [result for result in run.results if result.split == common.side and result.case in names]
    return _Measured(
        {(names[result.case], result.class_name): result.metrics.by_column() for result in results},
        Counter(result.class_name for result in results if result.metrics.status in _FAILED),
    )


class CaseValues:
    """All measured values of the runs in the cases that they have in common.

    Args:
        runs: The runs.
        common: The cases.
    """

    def __init__(self, runs: Sequence[ComparedRun], common: CommonCases) -> None:
        self.runs, self.common = runs, common
        self._measured = {run.name: _measured_of(run, common) for run in runs}
        self.classes = self._shared([one.classes for one in self._measured.values()])
        self.columns = self._shared([one.metrics for one in self._measured.values()])
        if not self.classes:
            raise InputError("The runs have no class in common. Compare runs that segment the same classes.")

    @staticmethod
    def _shared(lists: Sequence[Sequence[str]]) -> list[str]:
        sets = [set(names) for names in lists[1:]]
        return [name for name in dict.fromkeys(lists[0]) if all(name in others for others in sets)]

    @property
    def left_out_classes(self) -> dict[str, list[str]]:
        """Classes that only some runs measured, by the letter of the run."""
        return self._not_shared({name: one.classes for name, one in self._measured.items()}, self.classes)

    @property
    def left_out_columns(self) -> dict[str, list[str]]:
        """Metrics that only some runs measured, by the letter of the run."""
        return self._not_shared({name: one.metrics for name, one in self._measured.items()}, self.columns)

    @staticmethod
    def _not_shared(names: Mapping[str, Sequence[str]], shared: Sequence[str]) -> dict[str, list[str]]:
        only = {
            run: [name for name in dict.fromkeys(of_run) if name not in shared]
            for run, of_run in names.items()
        }
        return {run: of_run for run, of_run in only.items() if of_run}

    def value(self, run: str, case: str, class_name: str, metric: str) -> float | None:
        """Return what a run measured; None where it is undefined."""
        columns = self._measured[run].values.get((case, class_name))
        value = math.nan if columns is None else columns[metric]
        return None if math.isnan(value) else value

    def series(self, run: str, class_name: str | None, metric: str, better: str | None) -> PairedSeries:
        """Pair a run with the first one.

        Args:
            run: The letter of the run.
            class_name: The class; None for the mean over the classes that both have a value for.
            metric: The column of the metric.
            better: Where a good value of it lies.

        Returns:
            The pairs.
        """
        pairs = []
        for case in self.common.cases:
            names = self.classes if class_name is None else [class_name]
            found = [
                (first, second)
                for name in names
                if (first := self.value(self.runs[0].name, case.name, name, metric)) is not None
                and (second := self.value(run, case.name, name, metric)) is not None
            ]
            if found:
                base = math.fsum(_from_best(one, better) for one, _ in found) / len(found)
                other = math.fsum(_from_best(two, better) for _, two in found) / len(found)
                pairs.append(Pair(case.name, base, other, other - base))
        failed = [self._count_failed(name, class_name) for name in (self.runs[0].name, run)]
        return PairedSeries(run, class_name, metric, pairs, len(self.common.cases) - len(pairs), *failed)

    def _count_failed(self, run: str, class_name: str | None) -> int:
        names = self.classes if class_name is None else [class_name]
        return sum(self._measured[run].failed[name] for name in names)


def _from_best(value: float, better: str | None) -> float:
    return abs(value) if better == "zero" else value


def definitions_of(runs: Sequence[ComparedRun], columns: Sequence[str]) -> dict[str, Definition]:
    """Return the definition of each metric, as the first run that has it on record gives it.

    Args:
        runs: The runs.
        columns: The metrics.

    Returns:
        The definitions; of this program where no run has one.
    """
    tolerances = [float(column[4:-2]) for column in columns if column.startswith("nsd_")]
    own = metric_definitions(tolerances)
    known = [run.metrics.definitions for run in runs if run.metrics is not None]
    return {
        column: next(
            (definitions[column] for definitions in known if column in definitions),
            Definition.model_validate(own[column], from_attributes=True),
        )
        for column in columns
    }
