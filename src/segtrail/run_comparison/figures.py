"""The charts of a comparison: curves of all runs together, and every case in every run."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from segtrail.report.figures import BLUE, GREEN, INK, ORANGE, as_label, draw_panels, legend_above
from segtrail.report.record_schema import EpochRow
from segtrail.report.wording import shorten_name
from segtrail.run_comparison.paired_statistics import goodness
from segtrail.run_comparison.paired_values import PairedSeries

# Okabe and Ito's palette; every line has dashes of its own too.
_COLOURS = (INK, BLUE, ORANGE, GREEN, "#CC79A7", "#56B4E9", "#E69F00", "#777777")
_DASHES: tuple[Any, ...] = (
    "solid",
    (0, (5, 1.5)),
    (0, (1.5, 1.2)),
    (0, (5, 1.5, 1, 1.5)),
    (0, (9, 2)),
    (0, (3, 1, 1, 1, 1, 1)),
    (0, (1, 3)),
    (0, (7, 1, 3, 1)),
)
_WIDTH_INCHES = 6.69
_CURVES_INCHES = 1.6
_VALUES_INCHES = 2.5
_PANEL_INCHES = 1.45
_NAMES_INCHES = 0.75
_TALLEST_INCHES = 8.4
_MOST_MARKED_EPOCHS = 40
_MOST_NAMED_CASES = 30
_LONGEST_CASE_NAME = 16
_CURVES = {"train_loss": "training loss", "val_dice": "validation Dice"}


def curves_known(histories: Mapping[str, Sequence[EpochRow]]) -> list[str]:
    """Return the columns of ``history.csv`` that any run has numbers for, of those that are drawn."""
    return [column for column in _CURVES if any(_points(rows, column) for rows in histories.values())]


def draw_curves(histories: Mapping[str, Sequence[EpochRow]]) -> bytes:
    """Draw training loss and validation Dice of all runs over the epochs.

    Args:
        histories: The epochs by the letter of the run; at least one has numbers.

    Returns:
        An SVG.
    """

    def panel(column: str, is_last: bool) -> Any:
        def plot(axes: Axes) -> None:
            for place, (name, rows) in enumerate(histories.items()):
                _plot_curve(axes, _points(rows, column), name, place)
            axes.set_ylabel(_CURVES[column])
            if column == "val_dice":
                axes.set_ylim(0, 1)
            legend_above(axes, len(histories))
            if is_last:
                axes.set_xlabel("epoch")
                axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))

        return plot

    columns = curves_known(histories)
    plots = [panel(column, column == columns[-1]) for column in columns]
    return draw_panels(plots, (_WIDTH_INCHES, _CURVES_INCHES * len(plots)))


def _points(rows: Sequence[EpochRow], column: str) -> list[tuple[int, float]]:
    pairs = [(row.epoch, getattr(row, column)) for row in rows]
    return [(epoch, float(value)) for epoch, value in pairs if value is not None and math.isfinite(value)]


def _plot_curve(axes: Axes, points: Sequence[tuple[int, float]], name: str, place: int) -> None:
    if not points:
        return
    axes.plot(
        [epoch for epoch, _ in points],
        [value for _, value in points],
        color=_COLOURS[place],
        linestyle=_DASHES[place],
        linewidth=1.3,
        marker="o" if len(points) <= _MOST_MARKED_EPOCHS else "",
        markersize=2.6,
        label=name,
    )


def draw_values(base: str, series: Sequence[PairedSeries], y_label: str) -> bytes:
    """Draw the value of every case in every run, a line for each case from the first run to each other one.

    Args:
        base: The letter of the first run.
        series: The pairs of each other run.
        y_label: The metric.

    Returns:
        An SVG.
    """
    names = [base, *(one.run for one in series)]
    n_cases = max(len(one.pairs) for one in series)
    # With many cases a line must not hide the others.
    alpha = max(0.15, min(0.9, 12 / max(1, n_cases)))

    def plot(axes: Axes) -> None:
        values: dict[str, dict[int, float]] = {}
        for place, one in enumerate(series, start=1):
            for pair in one.pairs:
                values.setdefault(pair.case, {})[0] = pair.base
                values[pair.case][place] = pair.other
        for of_case in values.values():
            places = sorted(of_case)
            heights = [of_case[place] for place in places]
            axes.plot(places, heights, color=BLUE, alpha=alpha, linewidth=0.9, marker="o", markersize=3)
        axes.set_xticks(range(len(names)), names)
        axes.set_xlim(-0.25, len(names) - 0.75)
        axes.set_ylabel(y_label)
        axes.set_xlabel("run")

    return draw_panels([plot], (_WIDTH_INCHES, _VALUES_INCHES))


def draw_differences(base: str, series: Sequence[PairedSeries], better: str | None) -> bytes:
    """Draw the difference of every case, a panel for each run, in the order of the first panel.

    Args:
        base: The letter of the first run.
        series: The pairs of each other run.
        better: Where a good value of the metric lies.

    Returns:
        An SVG.
    """
    first = sorted(series[0].pairs, key=lambda pair: (goodness(pair.difference, better), pair.case))
    cases = list(dict.fromkeys(pair.case for pair in first))
    cases += [pair.case for one in series for pair in one.pairs if pair.case not in set(cases)]
    order = {case: place for place, case in enumerate(dict.fromkeys(cases))}
    is_named = len(order) <= _MOST_NAMED_CASES

    def panel(one: PairedSeries, is_last: bool) -> Any:
        def plot(axes: Axes) -> None:
            _plot_differences(axes, one, order, better)
            axes.set_ylabel(f"{one.run} minus {base}")
            if is_last and is_named:
                labels = [_tick_name(case) for case in order]
                axes.set_xticks(range(len(order)), labels, rotation=90, fontsize=7)
            if is_last:
                axes.set_xlabel("case" if is_named else f"{len(order):,} cases, the worst first")
            axes.set_xlim(-0.7, len(order) - 0.3)

        return plot

    plots = [panel(one, one is series[-1]) for one in series]
    height = _PANEL_INCHES * len(plots) + _NAMES_INCHES
    return draw_panels(plots, (_WIDTH_INCHES, min(_TALLEST_INCHES, height)))


def _plot_differences(axes: Axes, one: PairedSeries, order: Mapping[str, int], better: str | None) -> None:
    """Plot a mark for each case: upright where it is better, upside down where it is worse."""
    axes.axhline(0, color=INK, linewidth=0.8)
    groups = {
        "better": ("^", BLUE, [pair for pair in one.pairs if goodness(pair.difference, better) > 0]),
        "worse": ("v", ORANGE, [pair for pair in one.pairs if goodness(pair.difference, better) < 0]),
        "no change": ("o", INK, [pair for pair in one.pairs if pair.difference == 0]),
    }
    size = 5.0 if len(order) <= _MOST_NAMED_CASES else 2.6
    handles = []
    for name, (marker, colour, pairs) in groups.items():
        if not pairs:
            continue
        places = [order[pair.case] for pair in pairs]
        axes.vlines(places, 0, [pair.difference for pair in pairs], color=colour, linewidth=0.6)
        look: dict[str, Any] = {"marker": marker, "color": colour, "linestyle": "", "markersize": size}
        axes.plot(places, [pair.difference for pair in pairs], **look)
        handles.append(Line2D([], [], label=f"{name} in {one.run}: {len(pairs)}", **look))
    legend_above(axes, len(handles) or 1, handles)


def _tick_name(case: str) -> str:
    """A name that fits below a chart, with nothing that matplotlib would read as mathematics."""
    return as_label(shorten_name(case, _LONGEST_CASE_NAME))
