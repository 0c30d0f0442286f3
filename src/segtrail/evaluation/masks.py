"""Boolean masks of one class: what they must look like, and the box that holds them."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]
Box = tuple[slice, slice, slice]


def check_masks(prediction: Mask, reference: Mask) -> None:
    """Check that both masks are boolean, 3D and of one shape.

    Raises:
        ValueError: If they are not.
    """
    for name, mask in (("prediction", prediction), ("reference", reference)):
        if mask.dtype != np.bool_:
            raise ValueError(
                f"The {name} has dtype {mask.dtype}, but a boolean mask is expected: "
                "compare the label map with one label value."
            )
        if mask.ndim != 3:
            raise ValueError(
                f"The {name} has shape {mask.shape}, but three dimensions (x, y, z) are expected."
            )
    if prediction.shape != reference.shape:
        raise ValueError(
            f"The prediction has shape {prediction.shape} and the reference {reference.shape}, "
            "but one shape is expected: bring the prediction to the reference's grid first."
        )


def check_spacing(spacing_mm: Sequence[float]) -> None:
    """Check that a spacing is three positive, finite numbers.

    Raises:
        ValueError: If it is not.
    """
    if len(spacing_mm) != 3 or not all(math.isfinite(step) and step > 0 for step in spacing_mm):
        found = [float(step) for step in spacing_mm]
        raise ValueError(
            f"The spacing is {found}, but three positive, finite numbers of millimetres are expected."
        )


def box_around_both(prediction: Mask, reference: Mask) -> Box | None:
    """Find the smallest box that holds every voxel of two 3D masks; None when both are empty."""
    # Each mask is searched alone: joining masks of unlike memory order is slow on large images.
    boxes = [box for box in map(_bounding_box, (prediction, reference)) if box is not None]
    if not boxes:
        return None
    x, y, z = (
        slice(min(side.start for side in sides), max(side.stop for side in sides))
        for sides in zip(*boxes, strict=True)
    )
    return x, y, z


def _bounding_box(mask: Mask) -> Box | None:
    """The smallest box that holds every voxel of a mask; None when it is empty."""
    box = [slice(None)] * 3
    for axis in range(3):
        other_axes = tuple(other for other in range(3) if other != axis)
        occupied = np.flatnonzero(mask[tuple(box)].any(axis=other_axes))
        if occupied.size == 0:
            return None
        box[axis] = slice(int(occupied[0]), int(occupied[-1]) + 1)
    return box[0], box[1], box[2]
