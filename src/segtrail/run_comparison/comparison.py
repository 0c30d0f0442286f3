"""What a comparison of runs found."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from segtrail.config.schema import ReportConfig
from segtrail.evaluation.records import describe_bootstrap
from segtrail.report.record_schema import Definition
from segtrail.run_comparison.common_cases import CommonCases
from segtrail.run_comparison.compared_run import ComparedRun
from segtrail.run_comparison.difference import Difference
from segtrail.run_comparison.paired_statistics import SEED, PairedStatistics
from segtrail.run_comparison.paired_test import CORRECTION, FEWEST_PAIRS, LEVEL, TEST
from segtrail.run_comparison.paired_values import CaseValues
from segtrail.version import __version__

KIND = "comparison of runs"
Topic = Literal["configuration", "data", "code", "environment"]
_SCHEMA_VERSION = 1


@dataclass(frozen=True)
class RunComparison:
    """Several runs beside each other.

    Attributes:
        runs: The runs; the others are compared with the first one.
        values: What they measured in the cases that they have in common.
        definitions: The metrics that are tested, the first of which is the main one.
        all_definitions: All that have a better and a worse.
        statistics: Paired differences, for each other run, class and metric.
        differences: What is not the same, by topic; None for a topic that can't be compared.
        notes: What could not be compared, in sentences.
    """

    runs: Sequence[ComparedRun]
    values: CaseValues
    definitions: Mapping[str, Definition]
    all_definitions: Mapping[str, Definition]
    statistics: Sequence[PairedStatistics]
    differences: Mapping[Topic, Sequence[Difference] | None]
    notes: Sequence[str]

    @property
    def base(self) -> ComparedRun:
        """The run that the others are compared with."""
        return self.runs[0]

    @property
    def others(self) -> Sequence[ComparedRun]:
        """The other runs."""
        return self.runs[1:]

    @property
    def common(self) -> CommonCases:
        """The cases that are compared."""
        return self.values.common

    @property
    def main_metric(self) -> str:
        """The metric that is spoken of first."""
        return next(iter(self.definitions))

    @property
    def main_class(self) -> str | None:
        """The only class; None for the mean over all of them."""
        return self.values.classes[0] if len(self.values.classes) == 1 else None

    @property
    def n_tests(self) -> int:
        """Tests that gave a p value, for which all are corrected."""
        return sum(one.test.p is not None for one in self.statistics)

    @property
    def confidence(self) -> float:
        """Share of the resampled means that an interval holds."""
        return ReportConfig().confidence

    def of_run(self, run: str) -> list[PairedStatistics]:
        """Return the statistics of one run against the first one."""
        return [one for one in self.statistics if one.series.run == run]

    def main_statistics(self, run: str) -> PairedStatistics:
        """Return the statistics of one run that are spoken of first."""
        key = self.main_class, self.main_metric
        return next(one for one in self.of_run(run) if (one.series.class_name, one.series.metric) == key)

    def as_mapping(self, conclusions: Sequence[str], cautions: Sequence[str]) -> dict[str, Any]:
        """Return all as plain values.

        Args:
            conclusions: What follows, in sentences.
            cautions: What has to be kept in mind, in sentences.
        """
        return {
            "schema_version": _SCHEMA_VERSION,
            "kind": KIND,
            "segtrail_version": __version__,
            "runs": [_describe_run(run) for run in self.runs],
            "base": self.base.name,
            "side": self.common.side,
            "cases": [{"case": case.name, "names": dict(case.names)} for case in self.common.cases],
            "left_out": [{"case": entry.case, "because": entry.because} for entry in self.common.left_out],
            "classes": list(self.values.classes),
            "conclusions": list(conclusions),
            "cautions": list(cautions),
            "differences": {
                topic: None
                if rows is None
                else [{"what": row.what, "values": dict(row.values)} for row in rows]
                for topic, rows in self.differences.items()
            },
            "notes": list(self.notes),
            "metrics": list(self.definitions),
            "definitions": {name: value.model_dump() for name, value in self.all_definitions.items()},
            "statistics": [_describe_statistics(one) for one in self.statistics],
            "test": {
                "name": TEST,
                "correction": CORRECTION,
                "n_tests": self.n_tests,
                "level": LEVEL,
                "fewest_pairs": FEWEST_PAIRS,
            },
            "bootstrap": describe_bootstrap(ReportConfig(), SEED),
        }


def _describe_run(run: ComparedRun) -> dict[str, Any]:
    record, metrics = run.record, run.metrics
    selection = None if metrics is None else metrics.selection
    return {
        "name": run.name,
        "run_id": run.run_id,
        "status": record.status,
        "fingerprint": run.fingerprint,
        "program": "segtrail" if record.recorded is None else record.recorded.program,
        "network": network_of(run),
        "epoch": None if selection is None else selection.best_epoch,
        "note": record.note,
        "problems": list(run.problems),
    }


def network_of(run: ComparedRun) -> str | None:
    """Name the networks of a run, in the order of their work."""
    if run.record.recorded is not None:
        return run.record.recorded.network
    stages = run.record.stages
    if len(stages) > 1:
        return ", then ".join(f"{stage.name} ({stage.stage})" for stage in stages)
    return None if run.record.model is None else run.record.model.name


def _describe_statistics(one: PairedStatistics) -> dict[str, Any]:
    return {
        "run": one.series.run,
        "class": one.series.class_name,
        "metric": one.series.metric,
        "n": one.n,
        "n_undefined": one.series.n_undefined,
        "n_failed_base": one.series.n_failed_base,
        "n_failed": one.series.n_failed,
        "base_mean": one.base_mean,
        "mean": one.other_mean,
        "mean_difference": one.mean,
        "median_difference": one.median,
        "interval": None if one.interval is None else list(one.interval),
        "indicative": one.is_indicative,
        "n_better": one.n_better,
        "n_worse": one.n_worse,
        "n_tested": one.test.n,
        "method": one.test.method,
        "p": one.test.p,
        "p_corrected": one.p_corrected,
        "verdict": one.verdict,
        "direction": one.direction,
    }
