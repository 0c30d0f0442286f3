"""The figure of a calibration: how often the network is right where it says how sure it is."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, NullFormatter

from segtrail.report.figures import DASHES, as_label, draw_grid
from segtrail.report.record_schema import CalibrationBin
from segtrail.report.wording import shorten_name

# Okabe and Ito's palette; lines differ in dashes as well as in colour.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")
_WIDTH_INCHES, _PANEL_INCHES, _LEGEND_ROW_INCHES = 6.69, 2.7, 0.2
_LEGEND_COLUMNS = 3
_LONGEST_NAME = 24


def draw_calibration(classes: Mapping[str, Sequence[CalibrationBin]]) -> bytes:
    """Draw a reliability diagram, and beside it how many voxels stand behind each of its points.

    Args:
        classes: The bins of each class, by its name; at most six.

    Returns:
        An SVG.
    """

    def reliability(axes: Axes) -> None:
        axes.plot([0, 1], [0, 1], color="#777777", linewidth=0.8)
        for place, (name, bins) in enumerate(classes.items()):
            points = [
                (one.mean_probability, one.share_of_class)
                for one in bins
                if one.mean_probability is not None and one.share_of_class is not None
            ]
            axes.plot(
                [probability for probability, _ in points],
                [share for _, share in points],
                marker="o",
                markersize=3.5,
                linewidth=1.2,
                color=_COLOURS[place % len(_COLOURS)],
                linestyle=DASHES[place % len(DASHES)],
                label=as_label(shorten_name(name, _LONGEST_NAME)),
                clip_on=False,
            )
        axes.set(xlim=(0, 1), ylim=(0, 1), aspect="equal")
        axes.set_xlabel("probability given by the network")
        axes.set_ylabel("share that is of the class")

    def voxels(axes: Axes) -> None:
        for place, bins in enumerate(classes.values()):
            total = sum(one.voxels for one in bins)
            edges = [number / len(bins) for number in range(len(bins) + 1)]
            axes.stairs(
                [100 * one.voxels / total for one in bins],
                edges,
                color=_COLOURS[place % len(_COLOURS)],
                linestyle=DASHES[place % len(DASHES)],
                linewidth=1.2,
            )
        _count_in_decades(axes, min(_smallest_percent(classes), 10.0))
        axes.set_xlim(0, 1)
        axes.set_xlabel("probability given by the network")
        axes.set_ylabel("share of the voxels (%)")

    legend_rows = -(-len(classes) // _LEGEND_COLUMNS)
    size_inches = (_WIDTH_INCHES, _PANEL_INCHES + _LEGEND_ROW_INCHES * legend_rows)
    return draw_grid([reliability, voxels], 2, size_inches, legend_columns=_LEGEND_COLUMNS)


def _smallest_percent(classes: Mapping[str, Sequence[CalibrationBin]]) -> float:
    """The smallest share that a bin with any voxel has of the voxels of its class."""
    return min(
        100 * one.voxels / sum(other.voxels for other in bins)
        for bins in classes.values()
        for one in bins
        if one.voxels
    )


def _count_in_decades(axes: Axes, smallest_percent: float) -> None:
    """Let the axis go from the decade of the smallest share up to 100, in plain numbers."""
    axes.set_yscale("log")
    axes.set_ylim(10.0 ** np.floor(np.log10(smallest_percent)), 100)
    axes.yaxis.set_major_formatter(
        FuncFormatter(lambda value, _: np.format_float_positional(value, trim="-"))
    )
    axes.yaxis.set_minor_formatter(NullFormatter())
