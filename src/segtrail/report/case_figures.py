"""Figures with every case in them: how a metric is spread, and how volumes agree."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes

from segtrail.report.figures import BLUE, INK, ORANGE, as_label, draw_grid
from segtrail.report.wording import shorten_name

_Panel = Callable[[Axes], None]
# Fractions of the golden ratio spread dots evenly whatever their number.
_GOLDEN = (math.sqrt(5) - 1) / 2
_WIDTH_INCHES = 6.69
_ROW_INCHES, _AROUND_INCHES = 0.3, 0.75
_TALLEST_INCHES = 8.2
_LONGEST_NAME = 24
# More dots than this are drawn as pixels, or the file would be large and slow to show.
_MOST_VECTOR_DOTS = 2000
# 95% of a normal distribution lie within this many standard deviations.
_NORMAL_95 = 1.96


@dataclass(frozen=True)
class Values:
    """The values of one metric in one class.

    Attributes:
        name: Name of the class.
        values: A value for each case that has one.
    """

    name: str
    values: Sequence[float]


@dataclass(frozen=True)
class VolumePairs:
    """The volumes of one class.

    Attributes:
        name: Name of the class.
        reference_ml: Volume of each case in the reference, in mL.
        predicted_ml: Volume of each case in the prediction, in mL.
    """

    name: str
    reference_ml: Sequence[float]
    predicted_ml: Sequence[float]

    @property
    def differences_ml(self) -> list[float]:
        """Prediction minus reference."""
        return [
            predicted - reference
            for reference, predicted in zip(self.reference_ml, self.predicted_ml, strict=True)
        ]


@dataclass(frozen=True)
class Agreement:
    """Bias and limits of agreement after Bland and Altman (The Lancet 1986;327:307-310).

    Attributes:
        bias_ml: Mean of the differences.
        limits_ml: Bias minus and plus 1.96 standard deviations (n - 1); None with fewer than three cases.
    """

    bias_ml: float
    limits_ml: tuple[float, float] | None


def agreement_of(pairs: VolumePairs) -> Agreement:
    """Compute bias and limits of agreement.

    Args:
        pairs: The volumes, at least one pair.

    Returns:
        Bias and limits, in mL.
    """
    differences = np.asarray(pairs.differences_ml)
    bias = float(differences.mean())
    if len(differences) < 3:
        return Agreement(bias, None)
    reach = _NORMAL_95 * float(differences.std(ddof=1))
    return Agreement(bias, (bias - reach, bias + reach))


def draw_distributions(metrics: Mapping[str, Sequence[Values]]) -> bytes:
    """Draw every case as a dot, a panel for each metric and a row for each class.

    Args:
        metrics: The classes of each metric, by its title; every metric has the same classes.

    Returns:
        An SVG.
    """
    names = [_label(values.name) for values in next(iter(metrics.values()))]
    n_dots = sum(len(values.values) for classes in metrics.values() for values in classes)

    def panel(title: str, classes: Sequence[Values], is_first: bool) -> _Panel:
        def plot(axes: Axes) -> None:
            for row, values in enumerate(classes):
                _dots(axes, row, values.values, rasterized=n_dots > _MOST_VECTOR_DOTS)
            axes.set_ylim(len(names) - 0.5, -0.5)
            axes.set_yticks(range(len(names)), names if is_first else [""] * len(names))
            axes.set_xlabel(title)
            axes.grid(axis="y", visible=False)

        return plot

    panels = [panel(title, classes, place == 0) for place, (title, classes) in enumerate(metrics.items())]
    height = min(_TALLEST_INCHES, _AROUND_INCHES + _ROW_INCHES * max(2, len(names)))
    return draw_grid(panels, len(panels), (_WIDTH_INCHES, height))


def _label(name: str) -> str:
    return as_label(shorten_name(name, _LONGEST_NAME))


def _dots(axes: Axes, row: int, values: Sequence[float], *, rasterized: bool) -> None:
    """Draw the cases of a row beside each other, and a line at their median."""
    if values:
        middle = float(np.median(values))
        axes.plot([middle, middle], [row - 0.42, row + 0.42], color=ORANGE, linewidth=1.1)
    heights = [row + ((number * _GOLDEN) % 1.0 - 0.5) * 0.6 for number in range(len(values))]
    axes.plot(
        sorted(values),
        heights,
        "o",
        color=BLUE,
        markersize=3.6,
        alpha=0.75,
        markeredgewidth=0,
        rasterized=rasterized,
        clip_on=False,
    )


def draw_agreement(classes: Sequence[VolumePairs]) -> bytes:
    """Draw the difference of volumes over their mean, a panel for each class (Bland and Altman).

    Args:
        classes: The volumes of each class, at least one pair in each.

    Returns:
        An SVG.
    """
    columns = min(3, len(classes))
    rows = math.ceil(len(classes) / columns)
    return draw_grid([_agreement_panel(pairs) for pairs in classes], columns, (_WIDTH_INCHES, 2.1 * rows))


def _agreement_panel(pairs: VolumePairs) -> _Panel:
    agreement = agreement_of(pairs)

    def plot(axes: Axes) -> None:
        means = [(a + b) / 2 for a, b in zip(pairs.reference_ml, pairs.predicted_ml, strict=True)]
        axes.plot(means, pairs.differences_ml, "o", color=BLUE, markersize=3.5, alpha=0.8, markeredgewidth=0)
        axes.axhline(0, color="#777777", linewidth=0.6)
        axes.axhline(agreement.bias_ml, color=ORANGE, linewidth=1.2)
        for limit in agreement.limits_ml or ():
            axes.axhline(limit, color=INK, linewidth=0.9, linestyle=(0, (5, 2)))
        axes.margins(0.1, 0.18)
        axes.set_title(_label(pairs.name), fontsize=8)
        axes.set_xlabel("mean of both (mL)")
        axes.set_ylabel("prediction − reference (mL)", fontsize=7)

    return plot
