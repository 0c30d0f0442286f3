"""Metrics over cases, and case by case."""

from collections.abc import Mapping, Sequence

from segtrail.report.parts import Column, Heading, Paragraph, Part, Row, Table, Tone
from segtrail.report.record_schema import CaseRow, ClassSummary, Definition, MetricsSummary, Statistics
from segtrail.report.run_contents import RunContents
from segtrail.report.sections.many_classes import MOST_CLASSES_APART, cases_table, classes_table
from segtrail.report.wording import MISSING, SIDE_NAMES, format_confidence, format_count, format_number

_STATUS_WORDS = {"ok": "ok", "missed": "missed", "false_positive": "false positive", "left_out": "left out"}
_FAILED = ("missed", "false_positive")
_MOST_ROWS_TOGETHER = 12
# More would be read by nobody; the file with all of them goes with the report.
_MOST_CASES = 60


def metrics_section(metrics: MetricsSummary | None) -> list[Part]:
    """Build the tables of each metric over cases, for every side: one for each class, or one for many classes.

    Args:
        metrics: metrics_summary.json.

    Returns:
        The tables, or a sentence where nothing was evaluated.
    """
    heading = Heading("Metrics over cases", level=2)
    if metrics is None or not any(metrics.splits.values()):
        return [heading, Paragraph("No metrics: nothing was evaluated in this run.", style="missing")]
    parts: list[Part] = [heading]
    for side in ("test", "val"):
        classes = metrics.splits.get(side, {})
        if len(classes) > MOST_CLASSES_APART:
            parts.append(classes_table(side, classes, metrics))
            continue
        parts += [_metrics_table(side, name, summary, metrics) for name, summary in classes.items()]
    parts.append(Paragraph(_interval_note(metrics), style="small"))
    return parts


def _metrics_table(side: str, class_name: str, summary: ClassSummary, metrics: MetricsSummary) -> Table:
    columns = [
        Column("Metric", 2.3),
        *(Column(title, 1, "right") for title in ("Mean", "SD", "Median")),
        Column("Range", 1.7, "right"),
        Column(_interval_title(metrics), 1.7, "right"),
    ]
    left_out = f", {summary.n_left_out} left out" if summary.n_left_out else ""
    counts = f"n = {summary.n}, {summary.n_failed} failed{left_out}"
    caption = f"{SIDE_NAMES[side].capitalize()}, {class_name}: {counts}."
    rows = [
        _metric_row(_definition(column, metrics.definitions), values)
        for column, values in summary.metrics.items()
    ]
    return Table(columns, rows, caption, keep_together=True)


def _interval_title(metrics: MetricsSummary) -> str:
    return (
        f"{format_confidence(metrics.bootstrap.confidence)} CI of the mean"
        if metrics.bootstrap
        else "CI of the mean"
    )


def _metric_row(definition: Definition, values: Statistics) -> Row:
    def show(value: float | None) -> str:
        return format_number(value, definition.unit)

    arrow = {"higher": " ↑", "lower": " ↓", "zero": " → 0"}.get(definition.better or "", "")
    interval = f"{show(values.interval[0])} to {show(values.interval[1])}" if values.interval else MISSING
    star = "*" if values.interval and values.indicative else ""
    spread = MISSING if values.min is None else f"{show(values.min)} to {show(values.max)}"
    return Row(
        [
            _title(definition) + arrow,
            show(values.mean),
            show(values.sd),
            show(values.median),
            spread,
            interval + star,
        ]
    )


def _definition(column: str, definitions: Mapping[str, Definition]) -> Definition:
    return definitions.get(column) or Definition(name=column, definition="")


def _title(definition: Definition) -> str:
    return f"{definition.name} ({definition.unit})" if definition.unit else definition.name


def _interval_note(metrics: MetricsSummary) -> str:
    note = (
        "↑ higher is better, ↓ lower is better, → 0 nearer to zero is better, no arrow: a plain measurement."
    )
    if metrics.bootstrap:
        bootstrap = metrics.bootstrap
        note += (
            f" CI: {format_confidence(bootstrap.confidence)} confidence interval of the mean, {bootstrap.method}, "
            f"{bootstrap.samples:,} samples, seed {bootstrap.seed}."
        )
    indicative = any(
        values.indicative and values.interval
        for classes in metrics.splits.values()
        for summary in classes.values()
        for values in summary.metrics.values()
    )
    return note + (
        " * Indicative only: with fewer than ten cases such intervals are too narrow." if indicative else ""
    )


def cases_section(contents: RunContents) -> list[Part]:
    """Build the tables of every metric of every case, one for each class, or one over many classes.

    Args:
        contents: The run.

    Returns:
        The tables, with the lowest Dice alone where there are many cases; a sentence where nothing was evaluated.
    """
    heading = Heading("Case by case", level=2)
    cases = contents.cases
    if not cases:
        return [heading, Paragraph("No case was evaluated in this run.", style="missing")]
    metrics = metrics_of(cases, contents.metrics)
    classes = dict.fromkeys(row.class_name for row in cases)
    if len(classes) > MOST_CLASSES_APART:
        tables = [cases_table(cases, _MOST_CASES)]
    else:
        tables = [
            _table_of_class([row for row in cases if row.class_name == name], metrics) for name in classes
        ]
    how_to_read = (
        "Numbers are rounded for reading; metrics_cases.csv, which goes with this report, has every case, class and "
        f"digit. {'' if len(classes) > MOST_CLASSES_APART else 'Tinted rows failed. '}"
        f"{MISSING} stands where a metric is undefined."
    )
    return [heading, *tables, Paragraph(how_to_read, style="small")]


def _table_of_class(rows: Sequence[CaseRow], metrics: Mapping[str, Definition]) -> Table:
    """Every case of a class, or those with the lowest Dice where there are many."""
    sides = " and ".join(dict.fromkeys(SIDE_NAMES[row.split] for row in rows))
    name = rows[0].class_name
    if len(rows) <= _MOST_CASES:
        return case_table(rows, metrics, f"Every {sides} case, {name}.")
    lowest = sorted(rows, key=lambda row: (_dice_for_order(row), row.case))[:_MOST_CASES]
    caption = (
        f"The {_MOST_CASES} {sides} cases with the lowest Dice of {len(rows):,}, {name}, the lowest first."
    )
    return case_table(lowest, metrics, caption)


def _dice_for_order(row: CaseRow) -> float:
    """Its Dice; a case without one comes last."""
    value = row.metric("dice")
    return float("inf") if value is None else value


def metrics_of(cases: Sequence[CaseRow], metrics: MetricsSummary | None) -> dict[str, Definition]:
    """Return the metrics that cases have, in the order of their columns, each with its definition."""
    definitions = metrics.definitions if metrics else {}
    columns = dict.fromkeys(column for row in cases for column in row.columns())
    return {column: _definition(column, definitions) for column in columns}


def case_table(cases: Sequence[CaseRow], metrics: Mapping[str, Definition], caption: str) -> Table:
    """Build a table of cases.

    Args:
        cases: Their rows.
        metrics: The metrics to show, by column.
        caption: What stands with it.

    Returns:
        A row for each case, tinted where it failed.
    """
    sides = list(dict.fromkeys(SIDE_NAMES[row.split] for row in cases))
    side_column = [Column("Side", 1.3)] if len(sides) > 1 else []
    columns = [
        Column("Case", 2.1),
        *side_column,
        *(_metric_column(definition) for definition in metrics.values()),
        Column("Status", 1.1, "right"),
    ]
    rows = []
    for row in cases:
        side = [SIDE_NAMES[row.split]] if side_column else []
        values = [format_number(row.metric(name), definition.unit) for name, definition in metrics.items()]
        tone: Tone = "bad" if row.status in _FAILED else "neutral"
        rows.append(Row([row.case, *side, *values, _STATUS_WORDS[row.status]], tone))
    return Table(columns, rows, caption, keep_together=len(rows) <= _MOST_ROWS_TOGETHER)


def _metric_column(definition: Definition) -> Column:
    """A column wide enough for the longest word of its title."""
    title = _title(definition)
    return Column(title, max(0.95, 0.14 * max(len(word) for word in title.split())), "right")


def failure_sentence(cases: Sequence[CaseRow]) -> str:
    """Name the cases that failed, and how."""
    missed = [row for row in cases if row.status == "missed"]
    false_positive = [row for row in cases if row.status == "false_positive"]
    if not missed and not false_positive:
        return (
            "No case failed: no class was missed altogether, and none was predicted in a case that does not hold it. "
            "That says nothing of how good the contours are."
        )
    sentences = []
    if missed:
        sentences.append(f"Missed (there, nothing predicted): {_name_rows(missed)}.")
    if false_positive:
        sentences.append(f"False positive (predicted, not there): {_name_rows(false_positive)}.")
    return " ".join(sentences)


def _name_rows(rows: Sequence[CaseRow], most: int = 10) -> str:
    named = ", ".join(f"{row.case} ({row.class_name})" for row in rows[:most])
    return named if len(rows) <= most else f"{named} and {format_count(len(rows) - most, 'more', 'more')}"
