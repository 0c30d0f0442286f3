"""How well the regions hold the organs, case by case, as SVG with the same bytes every time."""

from collections.abc import Callable, Sequence
from typing import Any

from matplotlib.axes import Axes

from segtrail.report.figures import BLUE, ORANGE, draw_panels, legend_above
from segtrail.report.record_schema import RegionCase
from segtrail.report.wording import printable, shorten_name

_SIZE_INCHES = (6.69, 3.3)
_MOST_NAMED_CASES = 60
_LONGEST_NAME = 16
_STYLES: dict[str, dict[str, Any]] = {
    "train": {"color": BLUE, "marker": "o", "label": "training cases"},
    "val": {"color": ORANGE, "marker": "^", "label": "validation cases"},
}


def in_order(cases: Sequence[RegionCase]) -> list[RegionCase]:
    """Put the cases that are measured in the figure's order: training cases first, each side by distance.

    Args:
        cases: Cases of regions.json.
    """
    measured = [(entry.distance_mm, entry) for entry in cases if entry.distance_mm is not None]
    ordered = sorted(measured, key=lambda pair: (pair[1].side != "train", pair[0], pair[1].case))
    return [entry for _, entry in ordered]


def draw_regions(cases: Sequence[RegionCase]) -> bytes:
    """Draw for each case how far the region's centre is off, and how much room the organ has in the region.

    Args:
        cases: Cases that are measured, at least one, in the order to show them.

    Returns:
        An SVG.
    """

    def plot_distance(axes: Axes) -> None:
        _plot(axes, cases, lambda entry: entry.distance_mm)
        axes.set_ylim(0, max(5.0, 1.1 * axes.get_ylim()[1]))
        axes.set_ylabel("centre off by (mm)")
        legend_above(axes, 2)

    def plot_room(axes: Axes) -> None:
        _plot(axes, cases, lambda entry: entry.least_room_mm)
        low, high = axes.get_ylim()
        axes.set_ylim(min(low, -2.0), max(high, 5.0))
        axes.axhspan(min(low, -2.0), 0, color=ORANGE, alpha=0.12, linewidth=0)
        axes.set_ylabel("least room (mm)")
        _name_cases(axes, cases)

    return draw_panels([plot_distance, plot_room], _SIZE_INCHES)


def _plot(axes: Axes, cases: Sequence[RegionCase], value_of: Callable[[RegionCase], float | None]) -> None:
    for side, style in _STYLES.items():
        points = [
            (place, value)
            for place, entry in enumerate(cases)
            if entry.side == side and (value := value_of(entry)) is not None
        ]
        if points:
            axes.plot(
                [place for place, _ in points],
                [value for _, value in points],
                linestyle="none",
                markersize=4.5,
                **style,
            )
    axes.set_xlim(-0.7, len(cases) - 0.3)


def _name_cases(axes: Axes, cases: Sequence[RegionCase]) -> None:
    if len(cases) > _MOST_NAMED_CASES:
        axes.set_xticks([])
        axes.set_xlabel("cases, each side in the order of its distances")
        return
    axes.set_xticks(
        range(len(cases)),
        [shorten_name(printable(entry.case), _LONGEST_NAME) for entry in cases],
        rotation=90,
        fontsize=6.5,
        parse_math=False,
    )
