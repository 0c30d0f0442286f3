"""The curves of all seeds in one picture."""

import math
from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from segtrail.report.figures import BLUE, INK, draw_panels

_SIZE_INCHES = (6.69, 3.4)
_History = Sequence[Mapping[str, str]]


def draw_curves(histories: Mapping[int, _History]) -> bytes:
    """Draw training loss and validation Dice of the last stage for every seed.

    Args:
        histories: The rows of ``history.csv`` by seed.

    Returns:
        An SVG.
    """
    last = {
        seed: [row for row in rows if row["stage"] == rows[-1]["stage"]] for seed, rows in histories.items()
    }

    def losses(axes: Axes) -> None:
        _plot(axes, last, "train_loss", INK)
        axes.set_ylabel("training loss")
        axes.legend([f"{len(last)} seeds"], loc="upper right")

    def dice(axes: Axes) -> None:
        _plot(axes, last, "val_dice", BLUE)
        axes.set_ylim(0, 1)
        axes.set_ylabel("validation Dice")
        axes.set_xlabel("epoch")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))

    return draw_panels([losses, dice], _SIZE_INCHES)


def _plot(axes: Axes, histories: Mapping[int, _History], column: str, colour: str) -> None:
    """Plot a line for each seed; an epoch without a number is passed over, one that is not finite leaves a gap."""
    for rows in histories.values():
        points = [(int(row["epoch"]), float(row[column])) for row in rows if row[column]]
        values = [value if math.isfinite(value) else math.nan for _, value in points]
        marker = "o" if len(points) <= 10 else ""
        axes.plot(
            [epoch for epoch, _ in points],
            values,
            color=colour,
            alpha=0.7,
            linewidth=1.0,
            marker=marker,
            markersize=2.5,
        )
