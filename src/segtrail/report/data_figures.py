"""Every case of a data set by its side: intensity, spacing and volumes, as SVG with the same bytes every time."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from matplotlib.axes import Axes

from segtrail.report.dataset_schema import DatasetSummary, DescribedCase
from segtrail.report.figures import BLUE, INK, ORANGE, as_label, draw_grid
from segtrail.report.wording import SIDE_NAMES, shorten_name

SIDES = ("train", "val", "test")
MOST_VOLUMES = 6
_MOST_CHANNELS = 4
# Fractions of the golden ratio spread dots evenly whatever their number.
_GOLDEN = (math.sqrt(5) - 1) / 2
_COLUMNS = 3
_WIDTH_INCHES = 6.69
_ROW_INCHES, _AROUND_INCHES = 0.3, 0.74
_WIDEST_LINEAR_RATIO = 30.0
# More dots than this are drawn as pixels, or the file would be large and slow to show.
_MOST_VECTOR_DOTS = 2000
_LONGEST_NAME, _LONGEST_MODALITY, _LONGEST_LINE = 24, 18, 29


@dataclass(frozen=True)
class Dot:
    """One case: a value, and where it has one the range around it."""

    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Property:
    """Something that every case of a data set has.

    Attributes:
        title: Its name with its unit.
        sides: The cases of each side of the split that has any.
    """

    title: str
    sides: Mapping[str, Sequence[Dot]]

    @property
    def is_wide(self) -> bool:
        """Whether the values span so much that only a logarithmic axis shows the small ones."""
        values = [dot.value for dots in self.sides.values() for dot in dots]
        return min(values) > 0 and max(values) / min(values) > _WIDEST_LINEAR_RATIO


def properties_of(dataset: DatasetSummary) -> list[Property]:
    """Collect what a figure of the sides shows.

    Args:
        dataset: dataset_summary.json.

    Returns:
        Median intensity of each channel with the range from the 5th to the 95th percentile, the spacing (mm) along
        those axes where it varies, and the volumes (mL) of the classes that are largest; none of a copy whose cases
        have no facts.
    """
    sides = {side: [case for case in dataset.cases if case.side == side] for side in SIDES}
    names = [dataset.modality.get(str(channel), str(channel)) for channel in range(_MOST_CHANNELS)]
    intensities = [
        _property(sides, _intensity_title(name), _intensity(channel)) for channel, name in enumerate(names)
    ]
    spacings = [_property(sides, f"spacing {axis} (mm)", _spacing(place)) for place, axis in enumerate("xyz")]
    volumes = [
        _property(sides, f"{_short(name)} (mL)", _volume(name)) for name in _largest_classes(dataset.cases)
    ]
    return [*_with_cases(intensities), *filter(_varies, _with_cases(spacings)), *_with_cases(volumes)]


def _short(name: str) -> str:
    return shorten_name(name, _LONGEST_NAME)


def _intensity_title(modality: str) -> str:
    """Name an intensity with its unit; that of a CT is a scale of its own, which a file doesn't name."""
    unit = "" if modality.strip().upper() == "CT" else " (arbitrary units)"
    return f"intensity, {shorten_name(modality, _LONGEST_MODALITY)}{unit}"


def _property(
    sides: Mapping[str, Sequence[DescribedCase]], title: str, dot_of: Callable[[DescribedCase], Dot | None]
) -> Property:
    dots = {side: [dot for case in cases if (dot := dot_of(case))] for side, cases in sides.items() if cases}
    return Property(title, dots)


def _intensity(channel: int) -> Callable[[DescribedCase], Dot | None]:
    def dot_of(case: DescribedCase) -> Dot | None:
        found = case.percentiles(channel)
        return Dot(found["50"], found.get("5"), found.get("95")) if "50" in found else None

    return dot_of


def _spacing(axis: int) -> Callable[[DescribedCase], Dot | None]:
    return lambda case: None if case.image is None else Dot(case.image.spacing_mm[axis])


def _volume(name: str) -> Callable[[DescribedCase], Dot | None]:
    def dot_of(case: DescribedCase) -> Dot | None:
        volume = None if case.label is None else case.label.volumes_ml.get(name)
        return None if volume is None else Dot(volume)

    return dot_of


def _largest_classes(cases: Sequence[DescribedCase]) -> list[str]:
    """Return the classes with the largest median volume, in the order of the data set."""
    volumes: dict[str, list[float]] = {}
    for case in cases:
        for name, volume in (case.label.volumes_ml if case.label else {}).items():
            volumes.setdefault(name, []).append(volume)
    largest = sorted(volumes, key=lambda name: -median(volumes[name]))[:MOST_VOLUMES]
    return [name for name in volumes if name in largest]


def _with_cases(properties: Sequence[Property]) -> list[Property]:
    return [item for item in properties if any(item.sides.values())]


def _varies(item: Property) -> bool:
    return len({round(dot.value, 4) for dots in item.sides.values() for dot in dots}) > 1


def draw_properties(properties: Sequence[Property]) -> bytes:
    """Draw every case as a dot, a panel for each property and a row for each side, the median as a line.

    Args:
        properties: What to draw, at least one.

    Returns:
        An SVG.
    """
    n_dots = sum(len(dots) for item in properties for dots in item.sides.values())
    n_sides = max(len(item.sides) for item in properties)
    columns = min(_COLUMNS, len(properties))
    rows = math.ceil(len(properties) / columns)
    height = rows * (_AROUND_INCHES + _ROW_INCHES * n_sides)
    plots = [
        _panel(item, is_first=place % columns == 0, rasterized=n_dots > _MOST_VECTOR_DOTS)
        for place, item in enumerate(properties)
    ]
    return draw_grid(plots, columns, (_WIDTH_INCHES, height))


def _panel(item: Property, *, is_first: bool, rasterized: bool) -> Callable[[Axes], None]:
    names = [SIDE_NAMES[side] for side in item.sides]

    def plot(axes: Axes) -> None:
        for row, dots in enumerate(item.sides.values()):
            _draw_side(axes, row, sorted(dots, key=lambda dot: dot.value), rasterized=rasterized)
        axes.set_ylim(len(names) - 0.5, -0.5)
        axes.set_yticks(range(len(names)), names if is_first else [""] * len(names))
        if item.is_wide:
            axes.set_xscale("log")
        axes.set_xlabel(_in_lines(item.title))
        axes.grid(axis="y", visible=False)

    return plot


def _in_lines(title: str) -> str:
    """Put the unit of a long title below its name."""
    name, bracket, unit = title.rpartition(" (")
    is_long = bool(name) and len(title) > _LONGEST_LINE
    return f"{as_label(name)}\n{as_label(bracket + unit).strip()}" if is_long else as_label(title)


def _draw_side(axes: Axes, row: int, dots: Sequence[Dot], *, rasterized: bool) -> None:
    heights = [row + ((number * _GOLDEN) % 1.0 - 0.5) * 0.6 for number in range(len(dots))]
    ranges = [
        (height, dot.low, dot.high)
        for height, dot in zip(heights, dots, strict=True)
        if dot.low is not None and dot.high is not None
    ]
    if ranges:
        axes.hlines(*zip(*ranges, strict=True), color=INK, alpha=0.25, linewidth=0.6, rasterized=rasterized)
    if dots:
        middle = median(dot.value for dot in dots)
        axes.plot([middle] * 2, [row - 0.42, row + 0.42], color=ORANGE, linewidth=1.1)
    axes.plot(
        [dot.value for dot in dots],
        heights,
        "o",
        color=BLUE,
        markersize=3.2,
        alpha=0.75,
        markeredgewidth=0,
        rasterized=rasterized,
        clip_on=False,
    )
