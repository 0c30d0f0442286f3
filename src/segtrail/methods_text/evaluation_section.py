"""How the result was measured, and the result."""

import re
from collections.abc import Iterator
from typing import Literal

from segtrail.methods_text.described_run import DescribedRun
from segtrail.methods_text.escaping import plain
from segtrail.methods_text.numbers import plain_number
from segtrail.methods_text.references import cite
from segtrail.report.case_figures import agreement_of
from segtrail.report.record_schema import ClassSummary, Definition, MetricsSummary, Statistics
from segtrail.report.sections.spread import volume_pairs
from segtrail.report.wording import SIDE_NAMES, format_count, format_number

_SIDES: tuple[Literal["test", "val"], ...] = ("test", "val")
_LONG = 60  # characters
_SOURCES = {
    "dice": "dice1945measures",
    "nsd": "nikolov2021surface",
    "hd95": "huttenlocher1993hausdorff",
    "assd": "heimann2009liver",
}


def evaluation(run: DescribedRun) -> str:
    """Describe the metrics with their definitions, and the statistics; empty where nothing was measured."""
    metrics = run.contents.metrics
    if metrics is None or not metrics.splits:
        return ""
    intro = (
        "Predicted and reference label maps were compared in full volumes on the grid of the file, class by class. "
        "Failed cases count with the values that the definitions give them."
    )
    return "\n\n".join([intro, "\n".join(_definitions(metrics)), " ".join(_statistics(run, metrics))])


def _definitions(metrics: MetricsSummary) -> Iterator[str]:
    """Give a line for each metric; a long sentence that several share stands once."""
    told: set[str] = set()
    for column, item in metrics.definitions.items():
        sentences = [text for text in re.split(r"(?<=\.) ", item.definition) if text not in told]
        told.update(text for text in sentences if len(text) > _LONG)
        yield f"- {plain(item.name)}{_unit(item)}{_source(column)}: {plain(' '.join(sentences))}"


def _source(column: str) -> str:
    key = _SOURCES.get(column.partition("_")[0])
    return cite(key) if key else ""


def _unit(item: Definition) -> str:
    return f" ({plain(item.unit)})" if item.unit else ""


def _statistics(run: DescribedRun, metrics: MetricsSummary) -> Iterator[str]:
    yield "Metrics are given as mean and standard deviation over cases."
    bootstrap = metrics.bootstrap
    if bootstrap is not None:
        yield (
            f"Intervals of means are {plain_number(100 * bootstrap.confidence)}% percentile bootstrap intervals over "
            f"cases ({bootstrap.samples:,} samples, seed {bootstrap.seed}){cite('efron1993bootstrap')}; they do not "
            "cover another training, scanner or reader."
        )
    if any(True for side in _SIDES for _ in _agreement(run, side)):
        yield (
            f"Volumes were compared by bias and limits of agreement{cite('bland1986agreement')}, the bias plus and "
            "minus 1.96 standard deviations of the differences."
        )
    calibration = run.contents.calibration
    if calibration is not None and calibration.pooled:
        yield (
            "Calibration was measured by the expected calibration error of each class against all others"
            f"{cite('naeini2015calibrated', 'guo2017calibration')}, with {len(calibration.pooled[0].bins)} bins of "
            "equal width, over the voxels of all cases in the box around reference and prediction, widened by at least "
            f"{plain_number(calibration.margin_mm)} mm, in whole voxels."
        )


def results(run: DescribedRun) -> str:
    """Give the result of each side and class, test cases first; empty where nothing was measured."""
    metrics = run.contents.metrics
    if metrics is None:
        return ""
    blocks = [block for side in _SIDES if (block := _side(run, metrics, side))]
    selection = metrics.selection
    if blocks and selection is not None and selection.caution and not selection.is_last_by_rule:
        blocks.append(plain(selection.caution))
    return "\n\n".join(blocks)


def _side(run: DescribedRun, metrics: MetricsSummary, side: Literal["test", "val"]) -> str:
    classes = metrics.splits.get(side, {})
    return "\n".join(
        [
            *(f"- {_class(side, name, summary, metrics)}" for name, summary in classes.items()),
            *(f"- {sentence}" for sentence in _agreement(run, side)),
            *(f"- {sentence}" for sentence in _calibration(run, side)),
        ]
    )


def _class(side: str, name: str, summary: ClassSummary, metrics: MetricsSummary) -> str:
    shown = [
        _value(metrics.definitions[column], statistics)
        for column, statistics in summary.metrics.items()
        if column in metrics.definitions
        and metrics.definitions[column].better is not None
        and statistics.mean is not None
    ]
    failed = "no case failed" if summary.n_failed == 0 else f"{format_count(summary.n_failed, 'case')} failed"
    few = "; indicative only, with fewer than ten cases" if summary.n < 10 else ""
    counted = format_count(summary.n, f"{SIDE_NAMES[side]} case")
    return f"{plain(name)}, {counted} ({failed}{few}): {'; '.join(shown) or 'no metric is defined'}."


def _value(definition: Definition, statistics: Statistics) -> str:
    unit = definition.unit
    mean = format_number(statistics.mean, unit)
    spread = f" (SD {format_number(statistics.sd, unit)})" if statistics.sd is not None else ""
    ends = [format_number(end, unit) for end in statistics.interval or ()]
    interval = f", interval {' to '.join(ends)}" if ends else ""
    return f"{plain(definition.name)} {mean}{f' {plain(unit)}' if unit else ''}{spread}{interval}"


def _agreement(run: DescribedRun, side: Literal["test", "val"]) -> Iterator[str]:
    """Give bias and limits of agreement of the volumes of each class, where they can be had."""
    rows = [row for row in run.contents.cases or [] if row.split == side and row.status != "left_out"]
    for name in dict.fromkeys(row.class_name for row in rows):
        pairs = volume_pairs(rows, name)
        agreement = None if pairs is None else agreement_of(pairs)
        if pairs is None or agreement is None or agreement.limits_ml is None:
            continue
        low, high = (format_number(limit, "mL") for limit in agreement.limits_ml)
        yield (
            f"Volume of {plain(name)}, {format_count(len(pairs.reference_ml), f'{SIDE_NAMES[side]} case')}: bias "
            f"{format_number(agreement.bias_ml, 'mL')} mL, limits of agreement {low} to {high} mL."
        )


def _calibration(run: DescribedRun, side: Literal["test", "val"]) -> Iterator[str]:
    calibration = run.contents.calibration
    for pool in calibration.pooled if calibration else []:
        if pool.split == side:
            yield (
                f"Calibration of {plain(pool.class_name)}, {format_count(pool.cases, f'{SIDE_NAMES[side]} case')}: "
                f"expected calibration error {pool.error:.3f}, mean probability minus share of the class "
                f"{pool.bias:+.3f}."
            )
