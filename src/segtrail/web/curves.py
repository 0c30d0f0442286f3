"""The curves of a training as charts, placed in units of an SVG that the template draws."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.ticker import MaxNLocator

from segtrail.report.record_schema import EpochRow
from segtrail.report.run_contents import RunContents
from segtrail.report.wording import format_count, format_number

WIDTH, HEIGHT = 440, 220
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 12, 12, 30
# More could not be told apart on a screen.
_MOST_POINTS = 400
_MOST_MARKED_POINTS = 30
_NAMES = {"train_loss": "training loss", "val_loss": "validation loss", "val_dice": "validation Dice"}
_Points = list[tuple[int, float]]


@dataclass(frozen=True)
class Tick:
    """A mark on an axis: where it stands, and what it says."""

    at: float
    label: str


@dataclass(frozen=True)
class Line:
    """A line: its name, its corners as an SVG takes them, and those that are marked."""

    name: str
    corners: str
    marks: Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Chart:
    """A chart over the epochs.

    Attributes:
        title: What it shows.
        description: The same in words, for who does not see it.
        lines: Its lines.
        across: Marks of the epochs.
        up: Marks of the values.
    """

    title: str
    description: str
    lines: Sequence[Line]
    across: Sequence[Tick]
    up: Sequence[Tick]


def draw_charts(contents: RunContents) -> list[Chart]:
    """Draw loss and validation Dice of each stage of a run; nothing before the first epoch has ended."""
    stages = [stage for stage in contents.stages if stage.history]
    several = len(contents.stages) > 1
    charts = []
    for stage in stages:
        where = f" of {stage.name}" if several else ""
        last = max(stage.planned_epochs or 0, stage.history[-1].epoch)
        charts += [
            _chart(f"Loss{where}", ("train_loss", "val_loss"), stage.history, last),
            _chart(f"Validation Dice{where}", ("val_dice",), stage.history, last),
        ]
    return [chart for chart in charts if chart is not None]


def _chart(title: str, columns: Sequence[str], rows: Sequence[EpochRow], last_epoch: int) -> Chart | None:
    known = {column: _points(rows, column) for column in columns}
    known = {column: points for column, points in known.items() if points}
    if not known:
        return None
    values = [value for points in known.values() for _, value in points]
    low, high = (0.0, 1.0) if columns == ("val_dice",) else (min(0.0, *values), max(values))
    ticks = [tick for tick in MaxNLocator(4).tick_values(low, high) if low <= tick <= high]
    high = max(high, low + 1e-9)
    epochs = MaxNLocator(5, integer=True).tick_values(1, max(last_epoch, 2))
    return Chart(
        title,
        f"{title}: {'; '.join(_in_words(_NAMES[column], points) for column, points in known.items())}.",
        [_line(_NAMES[column], points, last_epoch, low, high) for column, points in known.items()],
        [
            Tick(_across(epoch, last_epoch), f"{epoch:.0f}")
            for epoch in epochs
            if 1 <= epoch <= max(last_epoch, 2)
        ],
        [Tick(_up(tick, low, high), f"{tick:g}") for tick in ticks],
    )


def _points(rows: Sequence[EpochRow], column: str) -> _Points:
    pairs = [(row.epoch, getattr(row, column)) for row in rows]
    return [(epoch, value) for epoch, value in pairs if value is not None and math.isfinite(value)]


def _in_words(name: str, points: _Points) -> str:
    (first_epoch, first), (last_epoch, last) = points[0], points[-1]
    if len(points) == 1:
        return f"{name} {format_number(first)} at epoch {first_epoch}"
    best_epoch, best = (max if "Dice" in name else min)(points, key=lambda point: point[1])
    extreme = "highest" if "Dice" in name else "lowest"
    return (
        f"{name} from {format_number(first)} at epoch {first_epoch} to {format_number(last)} at epoch {last_epoch}, "
        f"{extreme} {format_number(best)} at epoch {best_epoch}, {format_count(len(points), 'value')}"
    )


def _line(name: str, points: _Points, last_epoch: int, low: float, high: float) -> Line:
    step = math.ceil(len(points) / _MOST_POINTS)
    kept = [*points[:-1:step], points[-1]]
    placed = [(_across(epoch, last_epoch), _up(value, low, high)) for epoch, value in kept]
    corners = " ".join(f"{x:g},{y:g}" for x, y in placed)
    return Line(name, corners, placed if len(placed) <= _MOST_MARKED_POINTS else placed[-1:])


def _across(epoch: float, last_epoch: int) -> float:
    share = (epoch - 1) / max(last_epoch - 1, 1)
    return round(_LEFT + share * (WIDTH - _LEFT - _RIGHT), 1)


def _up(value: float, low: float, high: float) -> float:
    share = min(max((value - low) / (high - low), 0.0), 1.0)
    return round(HEIGHT - _BOTTOM - share * (HEIGHT - _TOP - _BOTTOM), 1)
