"""How the metrics are spread over cases, and how volumes agree."""

from collections.abc import Mapping, Sequence

from segtrail.report.case_figures import (
    Agreement,
    Values,
    VolumePairs,
    agreement_of,
    draw_agreement,
    draw_distributions,
)
from segtrail.report.parts import Column, Figure, Heading, Part, Row, Table
from segtrail.report.record_schema import CaseRow, Definition
from segtrail.report.run_contents import RunContents
from segtrail.report.sections.results import metrics_of
from segtrail.report.wording import MISSING, SIDE_NAMES, format_count, format_number

# Volumes have a figure of their own, and nothing to be better or worse.
_MOST_METRICS, _MOST_PANELS = 4, 6
_FEWEST_CASES, _FEW_CASES = 2, 10
_REFERENCE, _PREDICTED = "reference_volume_ml", "predicted_volume_ml"


def spread_section(contents: RunContents) -> list[Part]:
    """Build the figures with every case in them, for each side of the split.

    Args:
        contents: The run.

    Returns:
        Distributions and agreement of volumes; nothing with fewer than two cases.
    """
    parts: list[Part] = []
    for side in ("test", "val"):
        rows = [row for row in contents.cases or [] if row.split == side and row.status != "left_out"]
        if len({row.case for row in rows}) >= _FEWEST_CASES:
            parts += [
                *_distributions(rows, metrics_of(rows, contents.metrics), side),
                *_agreement(rows, side),
            ]
    return [Heading("Spread over cases", level=2), *parts] if parts else []


def _distributions(rows: Sequence[CaseRow], metrics: Mapping[str, Definition], side: str) -> list[Part]:
    judged = {name: item for name, item in metrics.items() if item.better in ("higher", "lower")}
    chosen = dict(list(judged.items())[:_MOST_METRICS])
    classes = list(dict.fromkeys(row.class_name for row in rows))
    panels = {
        f"{item.name} ({item.unit})" if item.unit else item.name: [
            Values(name, _values(rows, name, column)) for name in classes
        ]
        for column, item in chosen.items()
    }
    if not panels:
        return []
    n_cases = len({row.case for row in rows})
    named = ", ".join(panels)
    of_classes = format_count(len(classes), "class", "classes")
    alt = f"Dot plots of {named} for {format_count(n_cases, 'case')} and {of_classes}."
    caption = (
        f"{SIDE_NAMES[side].capitalize()}: every case as a dot, the median as a line. How to read it: dots far from "
        "the others are the cases to look at; a mean hides them."
    )
    return [Figure(f"distributions_{side}.svg", alt, caption, draw_distributions(panels))]


def _values(rows: Sequence[CaseRow], class_name: str, column: str) -> list[float]:
    found = (row.metric(column) for row in rows if row.class_name == class_name)
    return [value for value in found if value is not None]


def _agreement(rows: Sequence[CaseRow], side: str) -> list[Part]:
    classes = [
        pairs for name in dict.fromkeys(row.class_name for row in rows) if (pairs := volume_pairs(rows, name))
    ]
    if not classes:
        return []
    shown = sorted(classes, key=lambda pairs: -max(pairs.reference_ml))[:_MOST_PANELS]
    names = {pairs.name for pairs in shown}
    shown = [pairs for pairs in classes if pairs.name in names]  # in the order of the tables
    biases = ", ".join(
        f"{pairs.name} {format_number(agreement_of(pairs).bias_ml, 'mL')} mL" for pairs in shown
    )
    alt = f"Bland-Altman plots of volumes; bias: {biases}."
    caption = (
        f"{SIDE_NAMES[side].capitalize()}: volumes of prediction and reference after Bland and Altman. The solid line "
        "is the bias, the dashed ones are its limits of agreement (1.96 standard deviations). How to read it: a bias "
        "is a network that draws too large or too small; a slope, one that does so more in large organs."
    )
    figure = Figure(f"agreement_{side}.svg", alt, caption, draw_agreement(shown))
    return [figure, _agreement_table(classes, side, len(classes) - len(shown))]


def volume_pairs(rows: Sequence[CaseRow], class_name: str) -> VolumePairs | None:
    """Collect the volumes of a class that reference and prediction have; None with fewer than two cases."""
    volumes = [
        (reference, predicted)
        for row in rows
        if row.class_name == class_name
        and (reference := row.metric(_REFERENCE)) is not None
        and (predicted := row.metric(_PREDICTED)) is not None
    ]
    if len(volumes) < _FEWEST_CASES:
        return None
    reference_ml, predicted_ml = zip(*volumes, strict=True)
    return VolumePairs(class_name, reference_ml, predicted_ml)


def _agreement_table(classes: Sequence[VolumePairs], side: str, n_without_panel: int) -> Table:
    rows = [_agreement_row(pairs, agreement_of(pairs)) for pairs in classes]
    columns = [
        Column("Class", 2),
        *(
            Column(title, 1, "right")
            for title in ("Cases", "Bias (mL)", "Lower limit (mL)", "Upper limit (mL)")
        ),
    ]
    left = (
        f" {format_count(n_without_panel, 'class', 'classes')} with small volumes stand here alone."
        if n_without_panel > 0
        else ""
    )
    few = any(len(pairs.reference_ml) < _FEW_CASES for pairs in classes)
    indicative = " Limits from fewer than ten cases are indicative only." if few else ""
    return Table(
        columns,
        rows,
        f"{SIDE_NAMES[side].capitalize()}: agreement of volumes.{left}{indicative}",
        keep_together=len(rows) <= 12,
    )


def _agreement_row(pairs: VolumePairs, agreement: Agreement) -> Row:
    limits = (
        [MISSING, MISSING]
        if agreement.limits_ml is None
        else [format_number(v, "mL") for v in agreement.limits_ml]
    )
    return Row([pairs.name, str(len(pairs.reference_ml)), format_number(agreement.bias_ml, "mL"), *limits])
