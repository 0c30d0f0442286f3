"""The tables of paired differences, and how to read them."""

from collections.abc import Sequence

from segtrail.report.parts import Column, Heading, Paragraph, Part, Row, Table, Tone
from segtrail.report.wording import MISSING, format_confidence, format_count, format_number
from segtrail.run_comparison.comparison import RunComparison
from segtrail.run_comparison.paired_statistics import SEED, PairedStatistics
from segtrail.run_comparison.paired_test import CORRECTION, FEWEST_PAIRS, LEVEL
from segtrail.run_comparison.wording import class_words, format_p, metric_name, signed

# With more classes, each has only its row in the table of the main metric.
_MOST_CLASSES_IN_FULL = 4
_MOST_ROWS = 40


def statistics_section(comparison: RunComparison) -> list[Part]:
    """Build the tables of all paired differences.

    Args:
        comparison: The comparison.

    Returns:
        Tables for each other run, and how to read them.
    """
    parts: list[Part] = [
        Heading("Paired differences"),
        *[Paragraph(text) for text in _how_to_read(comparison)],
    ]
    for run in comparison.others:
        found = comparison.of_run(run.name)
        for name in _in_full(comparison):
            rows = [one for one in found if one.series.class_name == name]
            words = class_words(comparison, name)
            caption = f"{run.name} minus {comparison.base.name}, {words}{_left_out(rows)}."
            first = Column("Metric", 2.3)
            cells = [_metric(comparison, one) for one in rows]
            parts.append(_table(comparison, run.name, first, rows, cells, caption))
        if len(comparison.values.classes) > _MOST_CLASSES_IN_FULL:
            parts.append(_by_class(comparison, run.name))
    return parts


def _in_full(comparison: RunComparison) -> list[str | None]:
    classes: list[str | None] = list(comparison.values.classes)
    if len(classes) == 1:
        return classes
    return [None, *classes] if len(classes) <= _MOST_CLASSES_IN_FULL else [None]


def _by_class(comparison: RunComparison, run: str) -> Table:
    """Build the table of the main metric by class, the worst first."""
    definition = comparison.definitions[comparison.main_metric]
    sign = 1 if definition.better == "higher" else -1
    found = [
        one
        for one in comparison.of_run(run)
        if one.series.class_name is not None and one.series.metric == comparison.main_metric
    ]
    found.sort(key=lambda one: (one.mean is None, sign * (one.mean or 0.0), one.series.class_name))
    shown = found[:_MOST_ROWS]
    more = f" And {len(found) - len(shown)} more, in comparison.json." if len(found) > len(shown) else ""
    caption = (
        f"{run} minus {comparison.base.name}, {metric_name(definition, arrow=True)} by class, the worst first.{more} "
        "The other metrics of each class stand in comparison.json."
    )
    cells = [class_words(comparison, one.series.class_name) for one in shown]
    return _table(comparison, run, Column("Class", 2.3), shown, cells, caption)


def _table(
    comparison: RunComparison,
    run: str,
    first: Column,
    rows: Sequence[PairedStatistics],
    names: Sequence[str],
    caption: str,
) -> Table:
    columns = [
        first,
        Column("n", 0.5, "right"),
        Column(comparison.base.name, 0.9, "right"),
        Column(run, 0.9, "right"),
        Column("Mean difference", 1.25, "right"),
        Column("Interval", 1.8, "right"),
        Column("Median", 1.0, "right"),
        Column("Better, worse", 0.9, "right"),
        Column("p", 0.9, "right"),
        Column("Difference", 1.25),
    ]
    shown = [_row(comparison, one, name) for one, name in zip(rows, names, strict=True)]
    return Table(columns, shown, caption, keep_together=len(shown) <= 10)


def _row(comparison: RunComparison, one: PairedStatistics, name: str) -> Row:
    unit = comparison.definitions[one.series.metric].unit
    interval = MISSING if one.interval is None else " to ".join(signed(end, unit) for end in one.interval)
    tone: Tone = "neutral"
    if one.verdict == "shown" and one.direction is not None:
        tone = "good" if one.direction == "better" else "bad"
    return Row(
        [
            name,
            str(one.n),
            format_number(one.base_mean, unit),
            format_number(one.other_mean, unit),
            signed(one.mean, unit),
            f"{interval}*" if one.is_indicative and one.interval is not None else interval,
            signed(one.median, unit),
            f"{one.n_better}, {one.n_worse}",
            f"{format_p(one.p_corrected)}{'~' if one.test.method == 'approximate' else ''}",
            _verdict(one),
        ],
        tone,
    )


def _verdict(one: PairedStatistics) -> str:
    if one.verdict == "shown":
        return f"shown: {one.direction}" if one.direction is not None else "shown"
    return one.verdict


def _metric(comparison: RunComparison, one: PairedStatistics) -> str:
    return metric_name(comparison.definitions[one.series.metric], arrow=True)


def _left_out(rows: Sequence[PairedStatistics]) -> str:
    undefined = max((one.series.n_undefined for one in rows), default=0)
    if not undefined:
        return ""
    return f"; left out of a metric that is undefined in one of the runs: up to {format_count(undefined, 'case')}"


def _how_to_read(comparison: RunComparison) -> list[str]:
    return [
        "Look at the mean difference and its interval first: they say how large a difference is, and how well that is "
        f"known over cases like these ({format_confidence(comparison.confidence)}, percentile bootstrap over the "
        f"cases, seed {SEED}). "
        "The p value alone says neither. ↑ higher is better, ↓ lower is better. n counts the cases in which both runs "
        "have a value; * marks fewer than ten, where all is indicative only.",
        "p: Wilcoxon signed-rank test of the paired differences, two-sided; differences of 0 are left out; exact up to "
        f"50 differences without ties, else approximate (~). {_correction(comparison)} With fewer than {FEWEST_PAIRS} "
        "differences that are not 0 there is no p value.",
        "“Shown” means a corrected p value below "
        f"{LEVEL:g}. “Not shown” means that these cases do not show one: it may be there, and too small for so few "
        "cases.",
    ]


def _correction(comparison: RunComparison) -> str:
    if not comparison.n_tests:
        return "Here no metric has enough cases for a test."
    return (
        f"{CORRECTION}'s correction for all {format_count(comparison.n_tests, 'test')} of this comparison, so that the "
        f"chance to show any difference where there is none is at most {LEVEL:.0%}."
    )
