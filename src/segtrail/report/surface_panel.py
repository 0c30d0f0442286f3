"""Pictures of surfaces from six sides, coloured by how far the prediction lies outside or inside of the reference."""

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib.style
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, Normalize, to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke
from numpy.typing import NDArray
from scipy import ndimage

from segtrail.atomic import write_bytes
from segtrail.report.surface_view import (
    DIRECTIONS,
    LIMIT_MM,
    Direction,
    SeenSurface,
    SurfaceImage,
    SurfaceView,
)
from segtrail.report.wording import printable

# Blue against orange is told apart with any colour blindness, and darkens from the middle to both ends.
DISTANCE_COLOURS = LinearSegmentedColormap.from_list(
    "distance", ["#0B4A94", "#3585C4", "#99C8E8", "#F5F5F2", "#F7BB72", "#DF7A14", "#9E4300"]
)
# Darker than the middle of the map ever is, whatever the light.
UNCOMPARED_COLOUR = "#5C5C5C"
_BACKGROUND = "#EEF1F4"
_INK = "#222222"
_DARKEST = 0.45
# Of the picture's own pixels: softens the edges of the surface, and of classes.
_SOFTENING_PIXELS = 0.55

_WIDTH_INCHES = 6.69
_ROW_NAME_INCHES = 0.2
_GAP_INCHES = 0.07
_TALLEST_ROW_INCHES = 2.0
_EMPTY_ROW_INCHES = 0.6
# Around what is seen, so that the letters have room.
_MARGIN_INCHES = 0.13
_TITLE_INCHES = 0.21
_VIEW_NAME_INCHES = 0.19
_LEGEND_INCHES = 0.36
_NOTE_INCHES = 0.17
_DOTS_PER_INCH = 200
_TEXT_POINTS = 7.5


@dataclass(frozen=True)
class _Layout:
    """Where everything stands, in inches from the lower left corner.

    Attributes:
        height: Of the whole picture.
        lefts: Left edge of each column.
        widths: Width of each column.
        bottoms: Lower edge of each row.
        rows: Height of each row.
        per_pixel: Side of a pixel of the views.
    """

    height: float
    lefts: tuple[float, ...]
    widths: tuple[float, ...]
    bottoms: tuple[float, float]
    rows: tuple[float, float]
    per_pixel: float

    def axes(self, figure: Figure, left: float, bottom: float, width: float, height: float) -> Axes:
        """Add axes to a figure of this layout."""
        box = left / _WIDTH_INCHES, bottom / self.height, width / _WIDTH_INCHES, height / self.height
        return figure.add_axes(box)

    def text(self, figure: Figure, left: float, bottom: float, text: str, **style: Any) -> None:
        """Write a line into a figure of this layout; nothing in it is read as mathematics."""
        figure.text(
            left / _WIDTH_INCHES,
            bottom / self.height,
            text,
            **{"fontsize": _TEXT_POINTS, "color": _INK, "parse_math": False, **style},
        )


def draw_surface_panel(path: Path, view: SurfaceView, title: str = "") -> None:
    """Draw the predicted surface above the reference's, each from six sides, as a PNG.

    Args:
        path: File to write, atomically.
        view: What is seen, from `view_surfaces`.
        title: A line above.

    Raises:
        OSError: The file can't be written.
    """
    with matplotlib.style.context("default"):
        write_bytes(path, _render(view, printable(title)))


def _render(view: SurfaceView, title: str) -> bytes:
    notes = _notes(view)
    layout = _lay_out(view, has_title=bool(title), n_notes=len(notes))
    figure = Figure(figsize=(_WIDTH_INCHES, layout.height), dpi=_DOTS_PER_INCH, facecolor="white")
    FigureCanvasAgg(figure)
    layout.text(figure, 0, layout.height - 0.03, title, fontsize=8.5, weight="bold", va="top", color="black")
    surfaces = {"prediction": view.prediction, "reference": view.reference}
    for row, (name, surface) in enumerate(surfaces.items()):
        if surface.labels:
            is_named = row == 0 or not view.prediction.labels
            _draw_row(figure, layout, row, surface, is_named=is_named)
        else:
            _draw_empty_row(figure, layout, row, f"The {name} is empty.")
        middle = layout.bottoms[row] + layout.rows[row] / 2
        layout.text(figure, 0.04, middle, name.capitalize(), rotation=90, ha="left", va="center")
    _draw_scale_bar(figure, layout, view.pixel_mm)
    _draw_colour_bar(figure, layout, len(notes) * _NOTE_INCHES)
    for place, note in enumerate(reversed(notes)):
        layout.text(figure, _WIDTH_INCHES / 2, 0.04 + place * _NOTE_INCHES, note, ha="center")
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def _lay_out(view: SurfaceView, *, has_title: bool, n_notes: int) -> _Layout:
    """Give every view the same scale, and what is left of the line to all alike."""
    shapes = [view.prediction.images[direction.name].labels.shape for direction in DIRECTIONS]
    rows, columns = (np.array(pixels) for pixels in zip(*shapes, strict=True))
    room = _WIDTH_INCHES - _ROW_NAME_INCHES - _GAP_INCHES * (len(shapes) - 1)
    margins = 2 * _MARGIN_INCHES
    per_pixel = min(
        (room - margins * len(shapes)) / float(columns.sum()),
        (_TALLEST_ROW_INCHES - margins) / float(rows.max()),
    )
    widths = columns * per_pixel + margins
    widths += (room - widths.sum()) / len(widths)
    lefts = _ROW_NAME_INCHES + np.cumsum([0.0, *(widths[:-1] + _GAP_INCHES)])
    full = float(rows.max()) * per_pixel + margins
    upper, lower = (full if seen.labels else _EMPTY_ROW_INCHES for seen in (view.prediction, view.reference))
    below = _LEGEND_INCHES + n_notes * _NOTE_INCHES
    # The names of the views stand above the first row that has views.
    above, between = (_VIEW_NAME_INCHES, 0.0) if view.prediction.labels else (0.0, _VIEW_NAME_INCHES)
    gap = _GAP_INCHES + between
    above += _TITLE_INCHES if has_title else 0.0
    return _Layout(
        height=below + lower + gap + upper + above,
        lefts=tuple(map(float, lefts)),
        widths=tuple(map(float, widths)),
        bottoms=(below + lower + gap, below),
        rows=(upper, lower),
        per_pixel=per_pixel,
    )


def _draw_row(figure: Figure, layout: _Layout, row: int, surface: SeenSurface, *, is_named: bool) -> None:
    height = layout.rows[row]
    for direction, left, width in zip(DIRECTIONS, layout.lefts, layout.widths, strict=True):
        axes = layout.axes(figure, left, layout.bottoms[row], width, height)
        field = width / layout.per_pixel, height / layout.per_pixel
        _draw_view(axes, surface.images[direction.name], field)
        _draw_letters(axes, direction)
        if is_named:
            axes.set_title(f"{direction.name.capitalize()} view", fontsize=_TEXT_POINTS, pad=3)


def _draw_empty_row(figure: Figure, layout: _Layout, row: int, text: str) -> None:
    width = _WIDTH_INCHES - _ROW_NAME_INCHES
    axes = layout.axes(figure, _ROW_NAME_INCHES, layout.bottoms[row], width, layout.rows[row])
    _clear(axes)
    axes.text(0.5, 0.5, text, ha="center", va="center", fontsize=_TEXT_POINTS, color=_INK)


def _clear(axes: Axes) -> None:
    axes.set_facecolor(_BACKGROUND)
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)


def _draw_view(axes: Axes, image: SurfaceImage, field: tuple[float, float]) -> None:
    """Draw in the middle of a field of so many pixels."""
    rows, columns = image.labels.shape
    axes.imshow(_painted(image), interpolation="bilinear", extent=(0, columns, 0, rows))
    axes.set_xlim((columns - field[0]) / 2, (columns + field[0]) / 2)
    axes.set_ylim((rows - field[1]) / 2, (rows + field[1]) / 2)
    _clear(axes)


def _draw_letters(axes: Axes, direction: Direction) -> None:
    places = ((0.02, 0.5), (0.98, 0.5), (0.5, 0.98), (0.5, 0.025))
    alignments = (("left", "center"), ("right", "center"), ("center", "top"), ("center", "bottom"))
    for letter, place, (horizontal, vertical) in zip(direction.letters, places, alignments, strict=True):
        drawn = axes.text(
            *place,
            letter,
            transform=axes.transAxes,
            ha=horizontal,
            va=vertical,
            fontsize=6.5,
            weight="bold",
            color=_INK,
        )
        drawn.set_path_effects([withStroke(linewidth=1.6, foreground=_BACKGROUND)])


def _painted(image: SurfaceImage) -> NDArray[np.float32]:
    """Colour by distance, darken by light and between classes, and leave out where nothing is; RGBA."""
    scaled = np.nan_to_num(image.distance_mm) / (2 * LIMIT_MM) + 0.5
    colours = np.asarray(DISTANCE_COLOURS(np.clip(scaled, 0, 1)), dtype=np.float32)
    colours[np.isnan(image.distance_mm), :3] = to_rgb(UNCOMPARED_COLOUR)
    colours[..., :3] *= (_DARKEST + (1 - _DARKEST) * image.shade)[..., np.newaxis]
    colours[_class_borders(image.labels), :3] = 0.0
    covered = (image.labels > 0).astype(np.float32)
    sigma = (_SOFTENING_PIXELS, _SOFTENING_PIXELS, 0)
    soft = ndimage.gaussian_filter(colours * covered[..., np.newaxis], sigma, mode="constant")
    # What was blurred in from where nothing is must not darken the edge.
    opaque = ndimage.gaussian_filter(covered, _SOFTENING_PIXELS, mode="constant")
    soft[..., :3] /= np.maximum(opaque, 1e-6)[..., np.newaxis]
    soft[..., 3] = opaque
    return np.asarray(np.clip(soft, 0, 1), dtype=np.float32)


def _class_borders(labels: NDArray[np.uint16]) -> NDArray[np.bool_]:
    """Pixels where another class begins to the right or below."""
    borders = np.zeros(labels.shape, bool)
    for here, there in (
        ((slice(-1), slice(None)), (slice(1, None), slice(None))),
        ((slice(None), slice(-1)), (slice(None), slice(1, None))),
    ):
        one, other = labels[here], labels[there]
        borders[here] |= (one != other) & (one > 0) & (other > 0)
    return borders


def _notes(view: SurfaceView) -> list[str]:
    """Say what a grey surface is, and a dark line."""
    notes = []
    if view.prediction.uncompared or view.reference.uncompared:
        notes.append("Dark grey: a class that only one of the two holds, so that there is no distance.")
    if len(view.prediction.labels | view.reference.labels) > 1:
        notes.append("Dark lines: borders between classes; every class is compared with itself.")
    return notes


def _draw_scale_bar(figure: Figure, layout: _Layout, pixel_mm: float) -> None:
    inches_per_mm = layout.per_pixel / pixel_mm
    lengths = (1, 2, 5, 10, 20, 50, 100, 200, 500)
    length_mm = max((length for length in lengths if length * inches_per_mm <= 0.7), default=1)
    left, bottom = _ROW_NAME_INCHES, layout.bottoms[1] - 0.09
    ends = [left / _WIDTH_INCHES, (left + length_mm * inches_per_mm) / _WIDTH_INCHES]
    line = Line2D(ends, [bottom / layout.height] * 2, color="black", linewidth=2, solid_capstyle="butt")
    figure.add_artist(line)
    layout.text(figure, left, bottom - 0.04, f"{length_mm} mm", fontsize=7, va="top")


def _draw_colour_bar(figure: Figure, layout: _Layout, bottom: float) -> None:
    left, right, height = 2.45, 4.75, 0.1
    bottom += 0.19
    axes = layout.axes(figure, left, bottom, right - left, height)
    colours = ScalarMappable(Normalize(-LIMIT_MM, LIMIT_MM), DISTANCE_COLOURS)
    bar = figure.colorbar(colours, cax=axes, orientation="horizontal", extend="both", extendfrac=0.06)
    bar.outline.set_linewidth(0.5)
    bar.set_ticks([-5, -2.5, 0, 2.5, 5], labels=["−5 mm", "−2.5", "0", "2.5", "5 mm"])
    bar.ax.tick_params(labelsize=7, length=2, width=0.5, pad=1.5)
    middle = bottom + height / 2
    layout.text(figure, left - 0.08, middle, "prediction too small", ha="right", va="center")
    layout.text(figure, right + 0.08, middle, "prediction too large", ha="left", va="center")
