"""Two small views of a case: a slice for a person to see, and a coarse volume to compare with others."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segtrail.images.geometry import RasReorientation, spacing_mm
from segtrail.images.nifti import Volume

SLICE_SIDE = 192
COARSE_SIDE = 16


@dataclass(frozen=True, eq=False)
class QuickLook:
    """Small views of one case.

    Attributes:
        image: Axial slice with the most label, the patient's right on the left and anterior on top, uint8,
            shape (rows, columns), at most ``SLICE_SIDE`` each; 0 is the 1st and 255 the 99th percentile.
        label: The label map on the same pixels, uint8.
        coarse: First channel in RAS as means of ``COARSE_SIDE`` blocks along each axis, float32.
    """

    image: NDArray[np.uint8]
    label: NDArray[np.uint8]
    coarse: NDArray[np.float32]


def take_quick_look(image: Volume, label: Volume | None) -> QuickLook:
    """Make the small views of a case.

    Args:
        image: The image; only its first channel is shown.
        label: The label map; None or of another shape, and the middle slice is shown without it.

    Returns:
        The views.
    """
    reorientation = RasReorientation.of(image.affine)
    volume = np.asarray(reorientation.apply(image.data[0]), dtype=np.float32)
    if label is None or label.spatial_shape != image.spatial_shape:
        labels = np.zeros(volume.shape, dtype=np.uint8)
    else:
        with np.errstate(invalid="ignore"):
            labels = np.asarray(reorientation.apply(label.data[0])).astype(np.uint8)
    level = _level_of_most_label(labels)
    x_mm, y_mm, _ = spacing_mm(reorientation.apply_to_affine(image.affine, image.spatial_shape))
    rows, columns = _pixels(volume.shape[:2], (x_mm, y_mm))
    return QuickLook(
        image=_to_grey(volume[:, :, level][columns][:, rows].T),
        label=labels[:, :, level][columns][:, rows].T,
        coarse=_block_means(volume, COARSE_SIDE),
    )


def _level_of_most_label(labels: NDArray[np.uint8]) -> int:
    area = np.count_nonzero(labels, axis=(0, 1))
    return int(area.argmax()) if area.any() else labels.shape[2] // 2


def _pixels(
    shape: tuple[int, ...], step_mm: tuple[float, float]
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the voxels to show from top to bottom and from left to right, so that the picture is not stretched."""
    extent_mm = [size * step for size, step in zip(shape, step_mm, strict=True)]
    pixel_mm = max(extent_mm) / SLICE_SIDE
    across, up = (
        np.minimum(
            ((np.arange(max(1, round(extent / pixel_mm))) + 0.5) * pixel_mm / step).astype(np.intp), size - 1
        )
        for extent, step, size in zip(extent_mm, step_mm, shape, strict=True)
    )
    return up[::-1], across[::-1]


def _to_grey(plane: NDArray[np.float32]) -> NDArray[np.uint8]:
    finite = np.nan_to_num(plane, nan=0.0, posinf=0.0, neginf=0.0)
    low, high = np.percentile(finite, (1, 99))
    scaled = (finite - low) / max(float(high - low), 1e-6)
    return np.asarray(np.clip(scaled, 0, 1) * 255, dtype=np.uint8)


def _block_means(volume: NDArray[np.float32], side: int) -> NDArray[np.float32]:
    """Average blocks of as nearly equal size as the voxels allow; an axis shorter than ``side`` repeats voxels."""
    means: NDArray[np.floating[Any]] = volume
    if not np.isfinite(volume).all():
        means = np.nan_to_num(volume, nan=0.0, posinf=0.0, neginf=0.0)
    for axis in range(3):
        edges = np.linspace(0, volume.shape[axis], side + 1).astype(np.intp)
        counts = np.maximum(np.diff(edges), 1).reshape([-1 if axis == other else 1 for other in range(3)])
        means = np.add.reduceat(means, edges[:-1], axis=axis, dtype=np.float64) / counts
    return means.astype(np.float32)
