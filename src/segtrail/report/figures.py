"""The curves of a training, and panels of any kind, as SVG with the same bytes every time."""

import io
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import matplotlib.style
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from segtrail.report.record_schema import EpochRow
from segtrail.report.wording import printable

# Okabe and Ito's palette; lines differ in dashes as well as in colour.
BLUE, ORANGE, GREEN, INK = "#0072B2", "#D55E00", "#009E73", "#222222"
_SIZE_INCHES = (6.69, 1.95)
_SMALL_SIZE_INCHES = (6.69, 1.6)
DASHES: tuple[Any, ...] = ("solid", (0, (5, 1.5)), (0, (1.5, 1.2)), (0, (5, 1.5, 1, 1.5)))
_HELPERS_IN_LEGEND = 6
_MOST_MARKED_EPOCHS = 40
_STYLE: dict[str, Any] = {
    "svg.hashsalt": "segtrail",
    "svg.fonttype": "path",
    "font.size": 8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#777777",
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#DDDDDD",
    "grid.linewidth": 0.5,
    "legend.frameon": True,
    "legend.edgecolor": "white",
    "legend.framealpha": 0.9,
}


def as_label(name: str) -> str:
    """Return a name that a person chose as matplotlib draws it: in glyphs that it has, no sign read as a formula.

    Args:
        name: The name of a class or case.
    """
    return printable(name).replace("$", r"\$")


def legend_above(axes: Axes, columns: int, handles: Sequence[Line2D] | None = None) -> None:
    """Put the legend of a chart above it, where it covers nothing.

    Args:
        axes: The chart, all its series drawn.
        columns: Entries in a row.
        handles: The entries; those of the series that have a label where None.
    """
    axes.legend(
        handles=handles, loc="lower right", bbox_to_anchor=(1.0, 1.0), borderaxespad=0.2, ncols=columns
    )


def draw_losses(history: Sequence[EpochRow]) -> bytes:
    """Draw the training loss and its two parts over the epochs.

    Args:
        history: The epochs, at least one.

    Returns:
        An SVG.
    """

    def plot(axes: Axes) -> None:
        _plot_line(axes, history, "train_loss", "training loss", INK, "solid")
        _plot_line(axes, history, "train_loss_dice", "its Dice part", BLUE, (0, (5, 1.5)))
        _plot_line(
            axes, history, "train_loss_cross_entropy", "its cross-entropy part", ORANGE, (0, (1.5, 1.2))
        )
        _start_at_zero(axes)
        legend_above(axes, 3)

    return _draw(plot, history, "loss")


def draw_validation(history: Sequence[EpochRow], chosen_epoch: int | None) -> bytes:
    """Draw the validation Dice over the epochs that were validated, the chosen one marked.

    Args:
        history: The epochs, at least one.
        chosen_epoch: The epoch whose weights were kept; None marks none.

    Returns:
        An SVG.
    """
    chosen = [
        (row.epoch, row.val_dice) for row in history if row.epoch == chosen_epoch and row.val_dice is not None
    ]

    def plot(axes: Axes) -> None:
        _plot_line(axes, history, "val_dice", "validation Dice", BLUE, "solid")
        for epoch, dice in chosen:
            axes.axvline(epoch, color=ORANGE, linewidth=0.8, linestyle=(0, (4, 2)))
            label = f"chosen: epoch {epoch}, Dice {dice:.3f}"
            axes.plot([epoch], [dice], "*", color=ORANGE, markersize=11, label=label, zorder=5, clip_on=False)
        axes.set_ylim(0, 1)
        if chosen:
            legend_above(axes, 2)

    return _draw(plot, history, "Dice")


def draw_columns(history: Sequence[EpochRow], labels: Mapping[str, str], y_label: str) -> bytes:
    """Draw columns of a history into one chart.

    Args:
        history: The epochs, at least one.
        labels: What each column is called, by its name in history.csv.
        y_label: What the chart shows.

    Returns:
        An SVG.
    """
    colours = (INK, BLUE, ORANGE, GREEN)

    def plot(axes: Axes) -> None:
        for place, (column, label) in enumerate(labels.items()):
            _plot_line(
                axes, history, column, label, colours[place % len(colours)], DASHES[place % len(DASHES)]
            )
        if len(labels) > 1:
            legend_above(axes, len(labels))

    return _draw(plot, history, y_label)


def draw_learning_rate(history: Sequence[EpochRow]) -> bytes:
    """Draw the learning rate over the epochs.

    Args:
        history: The epochs, at least one.

    Returns:
        An SVG.
    """

    def plot(axes: Axes) -> None:
        _plot_line(axes, history, "learning_rate", "learning rate", GREEN, "solid")
        _start_at_zero(axes)
        axes.ticklabel_format(axis="y", style="sci", scilimits=(-2, 3), useMathText=True)

    return _draw(plot, history, "learning rate")


def draw_helper_losses(helpers: Mapping[str, Sequence[EpochRow]]) -> bytes:
    """Draw the training losses of several networks into one small chart.

    Args:
        helpers: The epochs of each network, at least one.

    Returns:
        An SVG.
    """
    colours = (BLUE, ORANGE, GREEN, INK)

    def plot(axes: Axes) -> None:
        for place, (name, history) in enumerate(helpers.items()):
            colour, dashes = colours[place % len(colours)], DASHES[place % len(DASHES)]
            _plot_line(axes, history, "train_loss", name, colour, dashes)
        _start_at_zero(axes)
        if len(helpers) <= _HELPERS_IN_LEGEND:
            legend_above(axes, 3)

    rows = [row for history in helpers.values() for row in history]
    return _draw(plot, rows, "loss", _SMALL_SIZE_INCHES)


def has_values(history: Sequence[EpochRow], column: str) -> bool:
    """Whether any epoch has a finite number in a column.

    Args:
        history: The epochs.
        column: A column of history.csv.
    """
    return any(math.isfinite(value) for _, value in _points(history, column))


def _points(history: Sequence[EpochRow], column: str) -> list[tuple[int, float]]:
    pairs = [(row.epoch, getattr(row, column)) for row in history]
    return [(epoch, float(value)) for epoch, value in pairs if value is not None]


def _plot_line(
    axes: Axes, history: Sequence[EpochRow], column: str, label: str, colour: str, dashes: Any
) -> None:
    """Plot a column; an epoch whose number is not finite leaves a gap in the line."""
    points = _points(history, column)
    marker = "o" if len(points) <= _MOST_MARKED_EPOCHS else ""
    axes.plot(
        [epoch for epoch, _ in points],
        [value if math.isfinite(value) else math.nan for _, value in points],
        color=colour,
        linestyle=dashes,
        linewidth=1.3,
        marker=marker,
        markersize=2.6,
        label=label,
    )


def _start_at_zero(axes: Axes) -> None:
    """Show zero, with a little room above the highest value."""
    _, top = axes.get_ylim()
    if axes.dataLim.ymin >= 0 and top > 0:
        axes.set_ylim(0, top * 1.05)


def _draw(
    plot: Callable[[Axes], None],
    history: Sequence[EpochRow],
    y_label: str,
    size_inches: tuple[float, float] = _SIZE_INCHES,
) -> bytes:
    """Draw one chart; all charts of a stage span the same epochs."""

    def plot_over_epochs(axes: Axes) -> None:
        plot(axes)
        epochs = [row.epoch for row in history]
        axes.set_xlim(min(epochs) - 0.5, max(epochs) + 0.5)
        axes.set_xlabel("epoch")
        axes.set_ylabel(y_label)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))

    return draw_panels([plot_over_epochs], size_inches)


def draw_grid(
    plots: Sequence[Callable[[Axes], None]],
    columns: int,
    size_inches: tuple[float, float],
    legend_columns: int = 0,
) -> bytes:
    """Draw charts that share nothing, row by row.

    Args:
        plots: Draw the charts, from the upper left.
        columns: Charts in a row.
        size_inches: Width and height of all together.
        legend_columns: Columns of a legend below all charts, of what the first has labelled; 0 for none.

    Returns:
        An SVG.
    """
    with matplotlib.style.context(["default", _STYLE]):
        figure = Figure(figsize=size_inches, layout="constrained", dpi=200)
        FigureCanvasAgg(figure)
        panels = figure.subplots(-(-len(plots) // columns), columns, squeeze=False).ravel()
        for plot, axes in zip(plots, panels, strict=False):
            plot(axes)
        for axes in panels[len(plots) :]:
            axes.remove()
        if legend_columns:
            figure.legend(
                *panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=legend_columns
            )
        return _as_svg(figure)


def _as_svg(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    return buffer.getvalue()


def draw_panels(plots: Sequence[Callable[[Axes], None]], size_inches: tuple[float, float]) -> bytes:
    """Draw charts below each other that share what runs across.

    Args:
        plots: Draw the charts, from the top.
        size_inches: Width and height of all together.

    Returns:
        An SVG.
    """
    with matplotlib.style.context(["default", _STYLE]):
        figure = Figure(figsize=size_inches, layout="constrained")
        FigureCanvasAgg(figure)
        panels = figure.subplots(len(plots), sharex=True, squeeze=False)
        for plot, axes in zip(plots, panels[:, 0], strict=True):
            plot(axes)
        return _as_svg(figure)
