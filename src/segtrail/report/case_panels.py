"""Pictures of a case: three planes through the organ with the contours of reference and prediction, or of one."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib.style
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke
from numpy.typing import NDArray

from segtrail.atomic import write_bytes
from segtrail.inference.regions import Box
from segtrail.report.case_view import CaseView, LabelMap, choose_view
from segtrail.report.region_outline import Segment, outline_in_plane
from segtrail.report.wording import printable

# Okabe and Ito's palette, which people with any colour blindness can tell apart.
REFERENCE_COLOUR = "#56B4E9"
PREDICTION_COLOUR = "#E69F00"
SECOND_COLOUR = "#CC79A7"
REGION_COLOUR = "#FFFFFF"
_CLASS_COLOURS = ("#56B4E9", "#E69F00", "#009E73", "#F0E442", "#CC79A7", "#D55E00", "#0072B2")
_PREDICTION_DASHES = (0, (2.6, 1.4))
# Of a second prediction beside the first.
_SECOND_DASHES = (0, (1.3, 0.9))
_LINE_NAMES = {"solid": "solid", _PREDICTION_DASHES: "dashed", _SECOND_DASHES: "dotted"}
_REGION_WIDTH = 0.8
_CLASSES_IN_LEGEND = 12
_LONGEST_LEGEND_NAME = 28

_WIDTH_INCHES = 6.69
_GAP_INCHES = 0.07
_TITLE_INCHES = 0.21
_PLANE_NAME_INCHES = 0.19
_LEGEND_ROW_INCHES = 0.22
_DOTS_PER_INCH = 200


@dataclass(frozen=True)
class _Contours:
    """A label map whose contours are drawn: what it is, and how the lines of an only class look."""

    name: str
    labels: LabelMap
    colour: str
    dashes: Any


@dataclass(frozen=True)
class _Plane:
    """One plane as it is shown: the axis that runs from right to left, the one upwards, and the letters."""

    name: str
    normal: int
    across: int
    up: int
    letters: tuple[str, str, str, str]  # left, right, top, bottom


# Radiological convention: the patient's right is on the left of the picture; sagittal planes face left.
_PLANES = (
    _Plane("Axial", normal=2, across=0, up=1, letters=("R", "L", "A", "P")),
    _Plane("Coronal", normal=1, across=0, up=2, letters=("R", "L", "S", "I")),
    _Plane("Sagittal", normal=0, across=1, up=2, letters=("A", "P", "S", "I")),
)


def draw_case_panel(
    path: Path,
    image: NDArray[Any],
    reference: LabelMap | None,
    prediction: LabelMap,
    spacing_mm: Sequence[float],
    class_names: Mapping[int, str],
    title: str = "",
    regions: Sequence[Box] = (),
) -> CaseView:
    """Draw three planes through the organ with the contours of reference and prediction, as a PNG.

    Args:
        path: File to write, atomically.
        image: One channel (x, y, z) in RAS, of any type of number; only what is shown of it is copied.
        reference: Label map of the same shape, 0 is background; None where there is none, for a picture of the
            prediction alone.
        prediction: Label map of the same shape.
        spacing_mm: Voxel spacing (x, y, z).
        class_names: Name of every label; that of 0 is not used.
        title: A line above the planes.
        regions: What a second network looked at, in mm along RAS from the middle of the first voxel; their outline is
            drawn.

    Returns:
        What the picture shows.

    Raises:
        ValueError: Image and label maps differ in shape.
        OSError: The file can't be written.
    """
    contours = [] if reference is None else [_Contours("reference", reference, REFERENCE_COLOUR, "solid")]
    dashes = _PREDICTION_DASHES if contours else "solid"
    contours.append(_Contours("prediction", prediction, PREDICTION_COLOUR, dashes))
    _require_one_shape(image, contours)
    view = choose_view(contours[0].labels, prediction, spacing_mm, regions)
    classes = {label: printable(name) for label, name in class_names.items() if label != 0}
    with matplotlib.style.context("default"):
        write_bytes(path, _render(image, contours, classes, view, printable(title)))
    return view


def draw_compared_panel(
    image: NDArray[Any],
    reference: LabelMap,
    predictions: Mapping[str, LabelMap],
    spacing_mm: Sequence[float],
    class_names: Mapping[int, str],
    title: str = "",
) -> tuple[bytes, CaseView]:
    """Draw three planes through the organ with the contours of the reference and of two predictions.

    Args:
        image: One channel (x, y, z) in RAS, of any type of number.
        reference: Label map of the same shape, 0 is background.
        predictions: Two label maps of the same shape, by what they are called.
        spacing_mm: Voxel spacing (x, y, z).
        class_names: Name of every label; that of 0 is not used.
        title: A line above the planes.

    Returns:
        A PNG, and what it shows.

    Raises:
        ValueError: Image and label maps differ in shape.
    """
    looks = ((PREDICTION_COLOUR, _PREDICTION_DASHES), (SECOND_COLOUR, _SECOND_DASHES))
    contours = [_Contours("reference", reference, REFERENCE_COLOUR, "solid")]
    contours += [
        _Contours(name, labels, *look)
        for (name, labels), look in zip(predictions.items(), looks, strict=True)
    ]
    _require_one_shape(image, contours)
    first, second = predictions.values()
    view = choose_view(reference, np.where(first > 0, first, second), spacing_mm)
    classes = {label: printable(name) for label, name in class_names.items() if label != 0}
    with matplotlib.style.context("default"):
        return _render(image, contours, classes, view, printable(title)), view


def _require_one_shape(image: NDArray[Any], contours: Sequence[_Contours]) -> None:
    if any(drawn.labels.shape != image.shape for drawn in contours):
        shapes = ", ".join(f"{drawn.name} {drawn.labels.shape}" for drawn in contours)
        raise ValueError(f"Image {image.shape} and {shapes} must be of one shape (x, y, z).")


def _render(
    image: NDArray[Any],
    contours: Sequence[_Contours],
    classes: Mapping[int, str],
    view: CaseView,
    title: str,
) -> bytes:
    shown = _labels_shown(contours, view)
    colours = _colours(classes, shown)
    names = {label: classes.get(label, f"label {label}") for label in shown}
    handles = [*_legend_handles(names, colours, contours), *_region_handle(view)]
    columns = min(len(handles), 4)
    side = (_WIDTH_INCHES - 2 * _GAP_INCHES) / 3
    legend_inches = _LEGEND_ROW_INCHES * -(-len(handles) // columns) + 0.06
    title_inches = _TITLE_INCHES if title else 0.0
    height = title_inches + _PLANE_NAME_INCHES + side + legend_inches
    figure = Figure(figsize=(_WIDTH_INCHES, height), dpi=_DOTS_PER_INCH, facecolor="white")
    FigureCanvasAgg(figure)
    window = _intensity_window(image[view.crop()])
    for column, plane in enumerate(_PLANES):
        left = column * (side + _GAP_INCHES) / _WIDTH_INCHES
        axes = figure.add_axes((left, legend_inches / height, side / _WIDTH_INCHES, side / height))
        _draw_plane(axes, plane, image, view, window)
        _draw_regions(axes, plane, view)
        for label in shown:
            for drawn in contours:
                colour = colours[label] or drawn.colour
                mask = _cut(drawn.labels, plane, view) == label
                _draw_contour(axes, plane, mask, view, colour, drawn.dashes)
        _draw_letters(axes, plane)
        _draw_scale_bar(axes, view.field_side_mm)
    if title:
        figure.text(0, 1 - 0.03 / height, title, fontsize=8.5, weight="bold", va="top", parse_math=False)
    figure.legend(
        handles=handles,
        loc="lower center",
        ncols=columns,
        fontsize=7.5,
        frameon=False,
        borderpad=0,
        handlelength=2.6,
    )
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def _cut(volume: NDArray[Any], plane: _Plane, view: CaseView) -> NDArray[Any]:
    """The plane's slice: a row for each voxel upwards, a column for each voxel across."""
    # By an index, since np.take copies the whole volume where its axes were turned.
    index = tuple(view.slices[axis] if axis == plane.normal else slice(None) for axis in range(3))
    return np.asarray(volume[index].T)


def _labels_shown(contours: Sequence[_Contours], view: CaseView) -> list[int]:
    found: set[int] = set()
    for plane in _PLANES:
        for drawn in contours:
            found.update(int(label) for label in np.unique(_cut(drawn.labels, plane, view)))
    return sorted(found - {0})


def _colours(classes: Mapping[int, str], shown: Sequence[int]) -> dict[int, str | None]:
    """Colours of the classes by label; None for the only class, whose label maps have a colour each."""
    if len(classes) <= 1 and len(shown) <= 1:
        return dict.fromkeys(shown, None)
    ordered = sorted({*classes, *shown})
    return {
        label: _CLASS_COLOURS[place % len(_CLASS_COLOURS)]
        for place, label in enumerate(ordered)
        if label in shown
    }


def _legend_handles(
    names: Mapping[int, str], colours: Mapping[int, str | None], contours: Sequence[_Contours]
) -> list[Line2D]:
    one_class = set(colours.values()) == {None}
    prefix = f"{_legend_name(next(iter(names.values())))}, " if one_class else ""
    handles = [
        _legend_line(
            drawn.colour if one_class else "#444444",
            drawn.dashes,
            prefix + _legend_role(drawn, contours, names),
        )
        for drawn in contours
    ]
    if not one_class:
        for label in sorted(names)[:_CLASSES_IN_LEGEND]:
            handles.append(
                Line2D([], [], color=colours[label], linewidth=4, label=_legend_name(names[label]))
            )
    return handles


def _legend_role(drawn: _Contours, contours: Sequence[_Contours], names: Mapping[int, str]) -> str:
    if len(contours) > 1:
        return f"{drawn.name} ({_LINE_NAMES[drawn.dashes]})"
    return drawn.name if names else f"{drawn.name}: none of the classes here"


def _region_handle(view: CaseView) -> list[Line2D]:
    if not any(_region_outline(plane, view) for plane in _PLANES):
        return []
    name = "region looked at" if len(view.regions) == 1 else "regions looked at"
    line = Line2D([], [], color=REGION_COLOUR, linewidth=_REGION_WIDTH, label=name)
    line.set_path_effects([_region_edge()])
    return [line]


def _legend_line(colour: str, dashes: Any, label: str) -> Line2D:
    return Line2D([], [], color=colour, linewidth=1.6, linestyle=dashes, label=label)


def _legend_name(name: str) -> str:
    """A class name short enough for the legend, with nothing that matplotlib would read as mathematics."""
    shortened = name if len(name) <= _LONGEST_LEGEND_NAME else name[: _LONGEST_LEGEND_NAME - 1] + "…"
    return shortened.replace("$", r"\$")


def _intensity_window(field: NDArray[Any]) -> tuple[float, float]:
    """The 1st to 99.5th percentile of what is shown."""
    values = field.astype(np.float32)
    finite = values[np.isfinite(values)]
    if finite.size == 0:
        return 0.0, 1.0
    low, high = (float(value) for value in np.percentile(finite, (1.0, 99.5)))
    return (low, high) if high > low else (low - 0.5, low + 0.5)


def _draw_plane(
    axes: Axes, plane: _Plane, image: NDArray[Any], view: CaseView, window: tuple[float, float]
) -> None:
    across_mm = view.shape[plane.across] * view.spacing_mm[plane.across]
    up_mm = view.shape[plane.up] * view.spacing_mm[plane.up]
    axes.imshow(
        np.nan_to_num(_cut(image, plane, view).astype(np.float32), nan=window[0]),
        cmap="gray",
        vmin=window[0],
        vmax=window[1],
        origin="lower",
        extent=(0, across_mm, 0, up_mm),
        interpolation="bilinear",
    )
    _frame(axes, plane, view)
    axes.set_title(
        f"{plane.name}, slice {view.slices[plane.normal] + 1} of {view.shape[plane.normal]}",
        fontsize=7.5,
        pad=3,
    )


def _frame(axes: Axes, plane: _Plane, view: CaseView) -> None:
    """Show exactly the field, at one scale for all three planes."""
    right, bottom = view.field_start_mm[plane.across], view.field_start_mm[plane.up]
    axes.set_xlim(right + view.field_side_mm, right)
    axes.set_ylim(bottom, bottom + view.field_side_mm)
    axes.set_aspect("equal")
    axes.set_facecolor("black")
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)


def _draw_contour(
    axes: Axes, plane: _Plane, mask: NDArray[np.bool_], view: CaseView, colour: str, dashes: Any
) -> None:
    cut = np.pad(mask, 1)
    if not cut.any():
        return
    columns = (np.arange(cut.shape[1]) - 0.5) * view.spacing_mm[plane.across]
    rows = (np.arange(cut.shape[0]) - 0.5) * view.spacing_mm[plane.up]
    contours = axes.contour(
        columns, rows, cut, levels=[0.5], colors=[colour], linewidths=1.3, linestyles=[dashes]
    )
    contours.set_path_effects([withStroke(linewidth=2.2, foreground="#000000", alpha=0.55)])


def _draw_regions(axes: Axes, plane: _Plane, view: CaseView) -> None:
    lines = LineCollection(
        _region_outline(plane, view), colors=REGION_COLOUR, linewidths=_REGION_WIDTH, capstyle="projecting"
    )
    lines.set_path_effects([_region_edge()])
    axes.add_collection(lines, autolim=False)


def _region_outline(plane: _Plane, view: CaseView) -> list[Segment]:
    """The regions' edge in a plane as far as the field shows it, in mm from the volume's corner."""
    spacing = view.spacing_mm
    place_mm = view.slices[plane.normal] * spacing[plane.normal]
    shift = np.array([spacing[plane.across], spacing[plane.up]]) / 2
    low = np.array([view.field_start_mm[plane.across], view.field_start_mm[plane.up]])
    pieces = []
    for start, end in outline_in_plane(view.regions, plane.normal, place_mm, plane.across, plane.up):
        ends = np.array([start, end]) + shift
        if ((ends.max(axis=0) >= low) & (ends.min(axis=0) <= low + view.field_side_mm)).all():
            pieces.append(((float(ends[0, 0]), float(ends[0, 1])), (float(ends[1, 0]), float(ends[1, 1]))))
    return pieces


def _region_edge() -> withStroke:
    return withStroke(linewidth=_REGION_WIDTH + 1.0, foreground="black")


def _draw_letters(axes: Axes, plane: _Plane) -> None:
    places = ((0.03, 0.5), (0.97, 0.5), (0.5, 0.97), (0.5, 0.03))
    alignments = (("left", "center"), ("right", "center"), ("center", "top"), ("center", "bottom"))
    for letter, (x, y), (horizontal, vertical) in zip(plane.letters, places, alignments, strict=True):
        _draw_text(axes, letter, x, y, ha=horizontal, va=vertical, fontsize=8.5, weight="bold")


def _draw_scale_bar(axes: Axes, field_side_mm: float) -> None:
    length_mm = max(
        (nice for nice in (1, 2, 5, 10, 20, 50, 100, 200) if nice <= field_side_mm / 3), default=1
    )
    length = length_mm / field_side_mm
    bar = Line2D([0.05, 0.05 + length], [0.05, 0.05], transform=axes.transAxes, color="white", linewidth=2)
    bar.set_path_effects([withStroke(linewidth=3.4, foreground="black")])
    axes.add_line(bar)
    _draw_text(axes, f"{length_mm} mm", 0.05, 0.07, ha="left", va="bottom", fontsize=7)


def _draw_text(axes: Axes, text: str, x: float, y: float, **style: Any) -> None:
    drawn = axes.text(x, y, text, transform=axes.transAxes, color="white", **style)
    drawn.set_path_effects([withStroke(linewidth=1.8, foreground="black")])
