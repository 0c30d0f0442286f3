"""Paired differences over cases: mean, median, interval of the mean, and the test with its correction."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from segtrail.config.schema import ReportConfig
from segtrail.evaluation.statistics import FEWEST_CASES_FOR_CONCLUSIONS, summarise
from segtrail.run_comparison.paired_test import LEVEL, PairedTest, correct_by_holm, signed_rank_test
from segtrail.run_comparison.paired_values import PairedSeries

# Of the bootstrap; the same runs give the same interval.
SEED = 0
Verdict = Literal["shown", "not shown", "not tested"]
Direction = Literal["better", "worse"]


@dataclass(frozen=True)
class PairedStatistics:
    """One metric of one class in a run, against the first run.

    Attributes:
        series: The pairs.
        better: Where a good value of the metric lies.
        base_mean: Mean of the first run over the pairs; this and the next three are None without pairs.
        other_mean: Mean of the other run over the same pairs.
        mean: Mean difference.
        median: Median difference.
        interval: Bootstrap interval of the mean difference; None below two pairs.
        n_better: Cases that are better in the other run.
        n_worse: Cases that are worse.
        test: The test.
        p_corrected: Its p value, corrected for all tests; None where there is none.
    """

    series: PairedSeries
    better: str | None
    base_mean: float | None
    other_mean: float | None
    mean: float | None
    median: float | None
    interval: tuple[float, float] | None
    n_better: int
    n_worse: int
    test: PairedTest
    p_corrected: float | None = None

    @property
    def n(self) -> int:
        """Pairs."""
        return len(self.series.pairs)

    @property
    def is_indicative(self) -> bool:
        """Whether there are so few pairs that an interval is only a hint."""
        return self.n < FEWEST_CASES_FOR_CONCLUSIONS

    @property
    def verdict(self) -> Verdict:
        """Whether the test shows a difference."""
        if self.p_corrected is None:
            return "not tested"
        return "shown" if self.p_corrected < LEVEL else "not shown"

    @property
    def direction(self) -> Direction | None:
        """Whether the other run is better or worse in the mean; None where the mean difference is 0."""
        sign = 0.0 if self.mean is None else goodness(self.mean, self.better)
        return None if sign == 0 else "better" if sign > 0 else "worse"


def goodness(difference: float, better: str | None) -> float:
    """Turn a difference so that more is better."""
    return difference if better == "higher" else -difference


def compute_statistics(
    series: PairedSeries, better: str | None, settings: ReportConfig | None = None
) -> PairedStatistics:
    """Summarise the paired differences of one metric, and test them.

    Args:
        series: The pairs.
        better: Where a good value lies.
        settings: Resamples and coverage of the interval; default: those of a run.

    Returns:
        The statistics, not corrected for the number of tests yet.
    """
    differences = [pair.difference for pair in series.pairs]
    mean, median, interval = _centre(differences, settings or ReportConfig())
    good = [goodness(difference, better) for difference in differences]
    return PairedStatistics(
        series,
        better,
        _mean([pair.base for pair in series.pairs]),
        _mean([pair.other for pair in series.pairs]),
        mean,
        median,
        interval,
        sum(value > 0 for value in good),
        sum(value < 0 for value in good),
        signed_rank_test(differences),
    )


def correct_all(statistics: Sequence[PairedStatistics]) -> list[PairedStatistics]:
    """Correct the p values of all tests of a comparison, by Holm's procedure.

    Args:
        statistics: All that are computed.

    Returns:
        The same, with their corrected p values.
    """
    tested = [one.test.p for one in statistics if one.test.p is not None]
    corrected = iter(correct_by_holm(tested))
    return [one if one.test.p is None else replace(one, p_corrected=next(corrected)) for one in statistics]


def _mean(values: Sequence[float]) -> float | None:
    return float(np.sort(values).mean()) if values else None


def _centre(
    differences: Sequence[float], settings: ReportConfig
) -> tuple[float | None, float | None, tuple[float, float] | None]:
    """Give mean, median and interval; with the runs exchanged they are the same with the other sign."""
    ordered = sorted(differences)
    mirrored = sorted(-value for value in differences)
    sign = 1.0 if ordered >= mirrored else -1.0
    found = summarise(
        ordered if sign > 0 else mirrored,
        seed=SEED,
        samples=settings.bootstrap_samples,
        confidence=settings.confidence,
    )
    if found.mean is None or found.median is None:
        return None, None, None
    interval = found.interval
    if ordered == mirrored:
        half = 0.0 if interval is None else (interval[1] - interval[0]) / 2
        return 0.0, 0.0, None if interval is None else (-half, half)
    if interval is not None and sign < 0:
        interval = (-interval[1], -interval[0])
    # No -0.0, which a file would print.
    return sign * found.mean + 0.0, sign * found.median + 0.0, interval
