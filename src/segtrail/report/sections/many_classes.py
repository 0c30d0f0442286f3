"""Results of many classes: one table over all of them, and one row for each case."""

from collections.abc import Mapping, Sequence
from statistics import mean

from segtrail.report.parts import Column, Row, Table, Tone
from segtrail.report.record_schema import CaseRow, ClassSummary, Definition, MetricsSummary
from segtrail.report.wording import MISSING, SIDE_NAMES, format_confidence, format_number

# With up to so many classes each has tables of its own.
MOST_CLASSES_APART = 4
# Metrics beside Dice, in the order of the definitions.
_MOST_OTHERS = 3
_FAILED = ("missed", "false_positive")
_ROWS_TOGETHER = 30


def classes_table(side: str, classes: Mapping[str, ClassSummary], metrics: MetricsSummary) -> Table:
    """Build one table over all classes of a side of the split.

    Args:
        side: ``val`` or ``test``.
        classes: What was measured of each class.
        metrics: metrics_summary.json, for definitions and the bootstrap.

    Returns:
        A row for each class: how many cases, Dice with its interval, and the means of some other metrics.
    """
    others = _judged(metrics.definitions)
    confidence = f"{format_confidence(metrics.bootstrap.confidence)} " if metrics.bootstrap else ""
    columns = [
        Column("Class", 2),
        *(Column(title, 0.75, "right") for title in ("Cases", "Failed", "Mean Dice")),
        Column(f"{confidence}CI", 1.5, "right"),
        *(Column(f"Mean {_title(item)}", 1, "right") for item in others.values()),
    ]
    rows = [_class_row(name, summary, others) for name, summary in classes.items()]
    caption = (
        f"{SIDE_NAMES[side].capitalize()}, {len(classes)} classes: means over the cases in which each is defined. "
        "Tinted rows have failed cases. Spread, medians and all other intervals stand in metrics_summary.json, which "
        "goes with this report."
    )
    return Table(columns, rows, caption, keep_together=len(rows) <= _ROWS_TOGETHER)


def _judged(definitions: Mapping[str, Definition]) -> dict[str, Definition]:
    """The metrics that can be better or worse, without Dice and volumes."""
    found = {
        name: item
        for name, item in definitions.items()
        if item.better in ("higher", "lower") and name != "dice"
    }
    return dict(list(found.items())[:_MOST_OTHERS])


def _title(definition: Definition) -> str:
    return f"{definition.name} ({definition.unit})" if definition.unit else definition.name


def _class_row(name: str, summary: ClassSummary, others: Mapping[str, Definition]) -> Row:
    dice = summary.metrics.get("dice")
    interval = MISSING
    if dice and dice.interval:
        interval = " to ".join(format_number(bound) for bound in dice.interval) + (
            "*" if dice.indicative else ""
        )
    means = [
        format_number(found.mean if (found := summary.metrics.get(column)) else None, item.unit)
        for column, item in others.items()
    ]
    tone: Tone = "bad" if summary.n_failed else "neutral"
    counts = [str(summary.n), str(summary.n_failed)]
    return Row([name, *counts, format_number(dice.mean if dice else None), interval, *means], tone)


def cases_table(rows: Sequence[CaseRow], most_rows: int) -> Table:
    """Build one table with a row for each case, over all of its classes.

    Args:
        rows: The rows of all cases and classes.
        most_rows: How many cases are shown at most.

    Returns:
        The cases with the lowest mean Dice first.
    """
    by_case: dict[str, list[CaseRow]] = {}
    for row in rows:
        by_case.setdefault(row.case, []).append(row)
    ordered = sorted(by_case.values(), key=lambda of_case: (_mean_dice(of_case), of_case[0].case))
    columns = [
        Column("Case", 2),
        Column("Side", 1),
        *(Column(title, 0.8, "right") for title in ("Classes", "Failed", "Mean Dice")),
        Column("Lowest class", 2),
        Column("Its Dice", 0.8, "right"),
    ]
    shown = ordered[:most_rows]
    cut = f" The {most_rows} lowest of {len(ordered):,}." if len(ordered) > most_rows else ""
    caption = (
        f"Cases over all their classes, the lowest mean Dice first.{cut} Tinted rows have failed classes. Classes in "
        "neither reference nor prediction are not counted."
    )
    return Table(
        columns,
        [_case_row(of_case) for of_case in shown],
        caption,
        keep_together=len(shown) <= _ROWS_TOGETHER,
    )


def _mean_dice(of_case: Sequence[CaseRow]) -> float:
    values = _dice_of_classes(of_case).values()
    return mean(values) if values else float("inf")


def _dice_of_classes(of_case: Sequence[CaseRow]) -> dict[str, float]:
    return {
        row.class_name: value
        for row in of_case
        if row.status != "left_out" and (value := row.metric("dice")) is not None
    }


def _case_row(of_case: Sequence[CaseRow]) -> Row:
    dice = _dice_of_classes(of_case)
    failed = sum(row.status in _FAILED for row in of_case)
    lowest = min(dice, key=lambda name: (dice[name], name), default="")
    tone: Tone = "bad" if failed else "neutral"
    first = of_case[0]
    return Row(
        [
            first.case,
            SIDE_NAMES[first.split],
            str(len(dice)),
            str(failed),
            format_number(mean(dice.values()) if dice else None),
            lowest or MISSING,
            format_number(dice.get(lowest)),
        ],
        tone,
    )
