"""Where the three planes of a case picture cut, and how much around the organ they show."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segtrail.inference.regions import Box

LabelMap = NDArray[np.integer[Any]]
Vector = NDArray[np.float64]

_MARGIN_MM = 25.0
_MARGIN_SHARE = 0.3
# Around regions; they may widen the field by so much, and no more, or the organ would be too small to look at.
_REGION_MARGIN_MM = 3.0
_MOST_WIDENING = 1.4


@dataclass(frozen=True)
class CaseView:
    """The planes and the field of one case picture, in a volume indexed (x, y, z) in RAS.

    Attributes:
        slices: Voxel index of the sagittal (x), coronal (y) and axial (z) plane.
        shape: Voxels of the volume.
        spacing_mm: Voxel spacing.
        field_start_mm: Lowest corner of the field shown; voxel i spans i to i + 1 times the spacing.
        field_side_mm: Side of the field, a cube.
        predicted_outside_ml: Volume of the predicted foreground that lies outside the field.
        regions: What a second network looked at, in mm from the middle of the first voxel.
    """

    slices: tuple[int, int, int]
    shape: tuple[int, int, int]
    spacing_mm: tuple[float, float, float]
    field_start_mm: tuple[float, float, float]
    field_side_mm: float
    predicted_outside_ml: float
    regions: tuple[Box, ...] = ()

    def crop(self) -> tuple[slice, slice, slice]:
        """Voxels that the field touches, as an index of the volume."""
        first, second, third = (
            slice(
                max(0, int(np.floor(start / spacing))),
                min(size, int(np.ceil((start + self.field_side_mm) / spacing))),
            )
            for start, spacing, size in zip(self.field_start_mm, self.spacing_mm, self.shape, strict=True)
        )
        return first, second, third


def choose_view(
    reference: LabelMap,
    prediction: LabelMap,
    spacing_mm: Sequence[float],
    regions: Sequence[Box] = (),
) -> CaseView:
    """Choose planes and field for a case from the reference; from the prediction where that is empty.

    On each axis the plane is the one that shows the classes best: every class counts with its area there,
    as a share of its largest area on that axis. With one class this is the plane of largest area. The field
    is a cube around the organ with a margin of three tenths of its extent, at least 25 mm; where regions are
    hardly larger than that, it holds them too.

    Args:
        reference: Label map (x, y, z) in RAS, 0 is background.
        prediction: Label map of the same shape.
        spacing_mm: Voxel spacing (x, y, z).
        regions: What a second network looked at, in mm along RAS from the middle of the first voxel.

    Returns:
        The view; the middle of the volume and all of it where both maps are empty.
    """
    spacing = np.asarray(spacing_mm, dtype=float)
    extent = np.asarray(reference.shape) * spacing
    organ = reference if np.any(reference) else prediction
    if np.any(organ):
        slices = _best_slices(organ)
        low, high = _bounding_box_mm(organ, spacing)
        margin = max(_MARGIN_MM, _MARGIN_SHARE * float((high - low).max()))
        side = min(float((high - low).max()) + 2 * margin, float(extent.max()))
        start = _inside_image((low + high) / 2 - side / 2, side, extent)
        start, side = _widened(start, side, regions, spacing)
    else:
        slices = tuple(size // 2 for size in reference.shape)
        side = float(extent.max())
        start = extent / 2 - side / 2
    view = CaseView(
        slices=_triple(slices),
        shape=_triple(reference.shape),
        spacing_mm=(float(spacing[0]), float(spacing[1]), float(spacing[2])),
        field_start_mm=(float(start[0]), float(start[1]), float(start[2])),
        field_side_mm=side,
        predicted_outside_ml=0.0,
        regions=tuple(regions),
    )
    outside = np.count_nonzero(prediction) - np.count_nonzero(prediction[view.crop()])
    return replace(view, predicted_outside_ml=float(outside * spacing.prod() / 1000))


def _best_slices(organ: LabelMap) -> tuple[int, ...]:
    scores = [np.zeros(size) for size in organ.shape]
    for label in np.unique(organ[organ > 0]):
        mask = organ == label
        for axis, score in enumerate(scores):
            area = mask.sum(axis=tuple(other for other in range(3) if other != axis))
            score += area / area.max()
    return tuple(_middle_of_best(score) for score in scores)


def _middle_of_best(score: Vector) -> int:
    """The best plane; where several are equal, the one in their middle rather than at an edge of the organ."""
    best = np.flatnonzero(score >= score.max() - 1e-9)
    return int(best[best.size // 2])


def _bounding_box_mm(organ: LabelMap, spacing: Vector) -> tuple[Vector, Vector]:
    occupied = [np.flatnonzero(organ.any(axis=others)) for others in ((1, 2), (0, 2), (0, 1))]
    low = np.array([indices[0] for indices in occupied])
    high = np.array([indices[-1] + 1 for indices in occupied])
    return low * spacing, high * spacing


def _widened(start: Vector, side: float, regions: Sequence[Box], spacing: Vector) -> tuple[Vector, float]:
    """Widen a field so that it holds the regions, where that takes little."""
    if not regions:
        return start, side
    lows = [box.low_mm + spacing / 2 - _REGION_MARGIN_MM for box in regions]
    highs = [box.high_mm + spacing / 2 + _REGION_MARGIN_MM for box in regions]
    low, high = np.minimum.reduce([start, *lows]), np.maximum.reduce([start + side, *highs])
    wider = float((high - low).max())
    if wider > _MOST_WIDENING * side:
        return start, side
    return (low + high) / 2 - wider / 2, wider


def _inside_image(start: Vector, side: float, extent: Vector) -> Vector:
    """Move the field inside the image; on an axis where the image is shorter, centre the image in it."""
    moved = np.clip(start, 0, np.maximum(extent - side, 0))
    return np.where(extent < side, (extent - side) / 2, moved)


def _triple(values: Sequence[int]) -> tuple[int, int, int]:
    first, second, third = values
    return int(first), int(second), int(third)
