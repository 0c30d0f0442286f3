"""Resampling between grids whose axes are parallel: linear, one axis after the other."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Shape3D = tuple[int, int, int]
_NEARLY_EQUAL = 1e-4


def resampled_shape(shape: Sequence[int], spacing_mm: Sequence[float], target_mm: Sequence[float]) -> Shape3D:
    """Count the voxels that cover the same extent, first voxel centre to last, at another spacing.

    Args:
        shape: Voxels along x, y, z.
        spacing_mm: Spacing of that grid.
        target_mm: Spacing wanted.

    Returns:
        Voxels along x, y, z of the new grid, whose first voxel lies where the old one's does.
    """
    x, y, z = (
        int(np.round((n - 1) * have / want)) + 1
        for n, have, want in zip(shape, spacing_mm, target_mm, strict=True)
    )
    return x, y, z


def resample_linear(
    volume: NDArray[np.float32],
    step: Sequence[float],
    shape: Shape3D,
    *,
    start: Sequence[float] = (0.0, 0.0, 0.0),
    antialias: bool = False,
) -> NDArray[np.float32]:
    """Sample a volume at the points ``start + index * step`` of its own grid.

    Points beyond the first or last voxel take its value.

    Args:
        volume: Shape (x, y, z).
        step: Distance between the new samples along each axis, in voxels of ``volume``.
        shape: Number of new samples along each axis.
        start: Place of the first new sample, in voxels of ``volume``.
        antialias: Smooth first along axes that are sampled down, with a Gaussian of
            sigma (step - 1) / 2 voxels, as scikit-image's ``resize`` does.

    Returns:
        The sampled volume, float32.
    """
    for axis in range(3):
        is_same = abs(step[axis] - 1.0) < _NEARLY_EQUAL and abs(start[axis]) < _NEARLY_EQUAL
        if is_same and volume.shape[axis] == shape[axis]:
            continue
        if antialias and step[axis] > 1.0:
            volume = ndimage.gaussian_filter1d(volume, (step[axis] - 1.0) / 2.0, axis=axis, mode="nearest")
        volume = _interpolate_axis(volume, axis, start[axis], step[axis], shape[axis])
    return volume


def resample_labels(labels: NDArray[np.uint8], step: Sequence[float], shape: Shape3D) -> NDArray[np.uint8]:
    """Sample a label map, keeping structures that are thinner than the new voxels.

    Every class is interpolated linearly by itself and the largest share wins. Then each labelled voxel of
    the old map that has no voxel of its class in the 3x3x3 neighbourhood of its new place is put back
    there, so that a thin wall or vessel is never lost.

    Args:
        labels: Integer labels, shape (x, y, z).
        step: Distance between the new samples along each axis, in voxels of ``labels``.
        shape: Number of new samples along each axis.

    Returns:
        The sampled label map, uint8.
    """
    if all(abs(s - 1.0) < _NEARLY_EQUAL for s in step) and labels.shape == tuple(shape):
        return labels
    classes = [int(value) for value in np.unique(labels)]
    result = np.zeros(shape, dtype=np.uint8)
    best = np.full(shape, -1.0, dtype=np.float32)
    for value in classes:
        share = resample_linear((labels == value).astype(np.float32), step, shape, antialias=True)
        better = share > best
        result[better], best[better] = value, share[better]
    for value in classes:
        if value != 0:
            _restore_lost(labels, result, value, step)
    return result


def _interpolate_axis(
    volume: NDArray[np.float32], axis: int, start: float, step: float, count: int
) -> NDArray[np.float32]:
    last = volume.shape[axis] - 1
    position = np.clip(start + np.arange(count) * step, 0, last)
    lower = np.minimum(np.floor(position).astype(np.intp), max(last - 1, 0))
    upper = np.minimum(lower + 1, last)
    weight = (position - lower).astype(np.float32)
    weight = weight.reshape([-1 if dimension == axis else 1 for dimension in range(3)])
    below, above = np.take(volume, lower, axis=axis), np.take(volume, upper, axis=axis)
    return np.asarray(below + (above - below) * weight, dtype=np.float32)


def _restore_lost(
    labels: NDArray[np.uint8], result: NDArray[np.uint8], value: int, step: Sequence[float]
) -> None:
    where = np.argwhere(labels == value)
    places = np.minimum(np.round(where / np.asarray(step)).astype(np.intp), np.array(result.shape) - 1)
    near = ndimage.maximum_filter(result == value, size=3, mode="constant", cval=False)
    for place in np.unique(places[~near[tuple(places.T)]], axis=0):
        result[_free_place(result, place)] = value


def _free_place(result: NDArray[np.uint8], place: NDArray[np.intp]) -> tuple[int, ...]:
    """Return the place, or a background voxel beside it where another class has it already."""
    if result[tuple(place)] == 0:
        return tuple(place)
    start = np.maximum(place - 1, 0)
    around = result[tuple(slice(s, p + 2) for s, p in zip(start, place, strict=True))]
    free = np.argwhere(around == 0) + start
    if len(free) == 0:
        return tuple(place)
    return tuple(free[np.abs(free - place).sum(axis=1).argmin()])
