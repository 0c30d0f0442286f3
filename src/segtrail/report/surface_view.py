"""How the surfaces of reference and prediction look from six sides, and how far each lies from the other."""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from segtrail.evaluation.masks import Box, Mask, check_spacing
from segtrail.report.case_view import LabelMap
from segtrail.report.surface_solid import Canvas, Floats, Solid

# Distances beyond are not told apart; the same in every picture, so that pictures can be compared.
LIMIT_MM = 5.0


@dataclass(frozen=True)
class Direction:
    """From where a surface is looked at.

    Attributes:
        name: The side that the viewer looks at.
        depth: The axis along which the viewer looks, in RAS.
        is_from_high: Whether the viewer stands at its upper end.
        across: The axis from left to right.
        is_mirrored: Whether its upper end is at the left.
        up: The axis upwards.
        letters: What lies at the left, right, top and bottom.
    """

    name: str
    depth: int
    is_from_high: bool
    across: int
    is_mirrored: bool
    up: int
    letters: tuple[str, str, str, str]


DIRECTIONS = (
    Direction("anterior", 1, True, 0, True, 2, ("R", "L", "S", "I")),
    Direction("left", 0, False, 1, True, 2, ("A", "P", "S", "I")),
    Direction("posterior", 1, False, 0, False, 2, ("L", "R", "S", "I")),
    Direction("right", 0, True, 1, False, 2, ("P", "A", "S", "I")),
    Direction("superior", 2, True, 0, False, 1, ("L", "R", "A", "P")),
    Direction("inferior", 2, False, 0, True, 1, ("R", "L", "A", "P")),
)
# Towards the viewer, to the right and upwards: light from the viewer, a little from the left and from above.
_LIGHT = np.array([0.92, -0.22, 0.32]) / math.hypot(0.92, 0.22, 0.32)


@dataclass(frozen=True)
class SurfaceImage:
    """What is seen from one direction: a row for each pixel from the top, a column for each from the left.

    Attributes:
        labels: Label of the class that is seen; 0 where there is nothing.
        distance_mm: How far the prediction lies outside of the reference there, negative where it lies inside; NaN
            where there is nothing, or nothing to compare with.
        shade: How much light falls there, 0 to 1.
    """

    labels: NDArray[np.uint16]
    distance_mm: Floats
    shade: Floats


@dataclass(frozen=True)
class SeenSurface:
    """The surfaces of a label map, all classes together.

    Attributes:
        images: What is seen, by the name of the direction.
        distances_mm: Signed distances of points all over the surfaces, with the sign of `SurfaceImage.distance_mm`.
        uncompared: Classes that the other map does not hold, so that they have no distance.
    """

    images: Mapping[str, SurfaceImage]
    distances_mm: Floats
    uncompared: tuple[int, ...]

    @property
    def labels(self) -> set[int]:
        """Labels of the classes that are seen from anywhere."""
        return {int(label) for image in self.images.values() for label in np.unique(image.labels)} - {0}

    def percent_outside(self, limit_mm: float) -> float:
        """Share of the surfaces where the prediction is too large by more than a limit, in per cent."""
        return _percent(self.distances_mm > limit_mm)

    def percent_inside(self, limit_mm: float) -> float:
        """Share of the surfaces where the prediction is too small by more than a limit, in per cent."""
        return _percent(self.distances_mm < -limit_mm)


def _percent(chosen: Mask) -> float:
    return 100.0 * float(np.mean(chosen)) if chosen.size else 0.0


@dataclass(frozen=True)
class SurfaceView:
    """The surfaces of prediction and reference from all directions, on pixels of one size."""

    pixel_mm: float
    prediction: SeenSurface
    reference: SeenSurface


def view_surfaces(
    reference: LabelMap, prediction: LabelMap, spacing_mm: Sequence[float], classes: Collection[int]
) -> SurfaceView | None:
    """Look at the surfaces of reference and prediction from six sides.

    Args:
        reference: Label map (x, y, z) in RAS, 0 is background.
        prediction: Label map of the same shape.
        spacing_mm: Voxel spacing (x, y, z).
        classes: Labels of the classes to look at; others are passed over.

    Returns:
        What is seen; None where neither map holds one of the classes.

    Raises:
        ValueError: The maps differ in shape, or the spacing is none.
    """
    if reference.shape != prediction.shape:
        raise ValueError(
            f"Reference {reference.shape} and prediction {prediction.shape} must be of one shape (x, y, z)."
        )
    check_spacing(spacing_mm)
    boxes = _boxes_of_classes(reference, prediction, classes)
    if not boxes:
        return None
    spacing = np.asarray(spacing_mm, dtype=float)
    canvas = Canvas.around(list(boxes.values()), spacing)
    predicted, expected = _Scene(canvas), _Scene(canvas)
    for label, box in boxes.items():
        one = Solid.of(prediction[box] == label, box, spacing, canvas)
        other = Solid.of(reference[box] == label, box, spacing, canvas)
        predicted.add(label, one, other, sign=1)
        expected.add(label, other, one, sign=-1)
    return SurfaceView(canvas.step_mm, predicted.seen(), expected.seen())


def _boxes_of_classes(reference: LabelMap, prediction: LabelMap, classes: Collection[int]) -> dict[int, Box]:
    """The box around both masks of each class that either map holds."""
    boxes: dict[int, Box] = {}
    for labels in (reference, prediction):
        for label, box in enumerate(ndimage.find_objects(labels), start=1):
            if box is not None and label in classes:
                boxes[label] = _joined(boxes.get(label, box), box)
    return dict(sorted(boxes.items()))


def _joined(first: Box, second: Box) -> Box:
    x, y, z = (slice(min(a.start, b.start), max(a.stop, b.stop)) for a, b in zip(first, second, strict=True))
    return x, y, z


class _Scene:
    """The surfaces of one label map while they are put into the picture, class by class."""

    def __init__(self, canvas: Canvas) -> None:
        self._layers = {direction.name: _Layer(canvas, direction) for direction in DIRECTIONS}
        self._distances: list[Floats] = []
        self._uncompared: list[int] = []

    def add(self, label: int, solid: Solid, other: Solid, sign: int) -> None:
        """Add a class, coloured by its signed distance from the other map's."""
        if solid.is_empty:
            return
        if other.is_empty:
            self._uncompared.append(label)
        else:
            self._distances.append(sign * other.distances_of(solid))
        for layer in self._layers.values():
            layer.add(label, solid, other, sign)

    def seen(self) -> SeenSurface:
        """Give what is seen of all classes."""
        distances = np.concatenate(self._distances) if self._distances else np.zeros(0, np.float32)
        images = {name: layer.image() for name, layer in self._layers.items()}
        return SeenSurface(images, distances, tuple(self._uncompared))


class _Layer:
    """What is seen from one direction, the nearest surface of all; indexed by the axes across and up."""

    def __init__(self, canvas: Canvas, direction: Direction) -> None:
        self._direction = direction
        self._deepest = canvas.shape[direction.depth] - 1
        shape = canvas.shape[direction.across], canvas.shape[direction.up]
        self._depth = np.full(shape, np.inf, np.float32)
        self._labels = np.zeros(shape, np.uint16)
        self._distance_mm = np.full(shape, np.nan, np.float32)
        self._shade = np.zeros(shape, np.float32)

    def add(self, label: int, solid: Solid, other: Solid, sign: int) -> None:
        direction = self._direction
        pixels, places = _first_places(solid, direction)
        on_canvas = pixels[0] + solid.start[direction.across], pixels[1] + solid.start[direction.up]
        depth = places[direction.depth] + solid.start[direction.depth]
        depth = self._deepest - depth if direction.is_from_high else depth
        nearer = depth < self._depth[on_canvas]
        places, (column, row) = places[:, nearer], (axis[nearer] for axis in on_canvas)
        self._depth[column, row] = depth[nearer]
        self._labels[column, row] = label
        self._shade[column, row] = _light_on(solid.normals_at(places), direction)
        self._distance_mm[column, row] = np.nan if other.is_empty else sign * other.distance_at(places)

    def image(self) -> SurfaceImage:
        """Turn it as the viewer sees it."""
        step = -1 if self._direction.is_mirrored else 1
        turned = slice(None, None, step), slice(None, None, -1)
        return SurfaceImage(self._labels[turned].T, self._distance_mm[turned].T, self._shade[turned].T)


def _first_places(solid: Solid, direction: Direction) -> tuple[tuple[NDArray[np.intp], ...], Floats]:
    """Find where the viewer's lines of sight meet the surface, between two points of the solid.

    Returns:
        The pixels (across, up) that see it, and the places, a row for each axis.
    """
    # The remaining axes stay in their order, which is that of across and up.
    inside = np.moveaxis(solid.inside, direction.depth, 0)
    occupancy = np.moveaxis(solid.occupancy, direction.depth, 0)
    if direction.is_from_high:
        inside, occupancy = inside[::-1], occupancy[::-1]
    pixels = np.nonzero(inside.any(axis=0))
    first = inside.argmax(axis=0)[pixels]
    at, before = occupancy[first, *pixels], occupancy[np.maximum(first - 1, 0), *pixels]
    depth = first - (at - 0.5) / np.maximum(at - before, 1e-6)
    places = np.empty((3, first.size), np.float32)
    places[direction.depth] = inside.shape[0] - 1 - depth if direction.is_from_high else depth
    places[direction.across], places[direction.up] = pixels
    return pixels, places


def _light_on(normals: Floats, direction: Direction) -> Floats:
    towards = normals[direction.depth] if direction.is_from_high else -normals[direction.depth]
    rightwards = -normals[direction.across] if direction.is_mirrored else normals[direction.across]
    light = _LIGHT[0] * towards + _LIGHT[1] * rightwards + _LIGHT[2] * normals[direction.up]
    return np.asarray(np.clip(light, 0.0, 1.0), dtype=np.float32)
