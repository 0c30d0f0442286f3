"""The figure of a calibration: how often the network is right where it says how sure it is."""

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes

from segtrail.report.figures import DASHES, INK, as_label, draw_grid
from segtrail.report.record_schema import CalibrationBin

# Okabe and Ito's palette; lines differ in dashes as well as in colour.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")
_SIZE_INCHES = (6.69, 2.7)


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
                label=as_label(name),
                clip_on=False,
            )
        axes.set(xlim=(0, 1), ylim=(0, 1), aspect="equal")
        axes.set_xlabel("probability given by the network")
        axes.set_ylabel("share that is of the class")
        axes.legend(loc="upper left", fontsize=7)

    def voxels(axes: Axes) -> None:
        for place, bins in enumerate(classes.values()):
            total = sum(one.voxels for one in bins)
            edges = [number / len(bins) for number in range(len(bins) + 1)]
            axes.stairs(
                [max(one.voxels / total, 0.0) for one in bins],
                edges,
                color=_COLOURS[place % len(_COLOURS)],
                linestyle=DASHES[place % len(DASHES)],
                linewidth=1.2,
            )
        axes.axvline(0.5, color=INK, linewidth=0.5)
        axes.set_yscale("log")
        axes.set_xlim(0, 1)
        axes.set_xlabel("probability given by the network")
        axes.set_ylabel("share of the voxels")

    return draw_grid([reliability, voxels], 2, _SIZE_INCHES)
