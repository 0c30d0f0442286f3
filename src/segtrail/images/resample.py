"""Resampling between grids whose axes are parallel: linear, one axis after the other."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Shape3D = tuple[int, int, int]
_NEARLY_EQUAL = 1e-4
_TRUNCATE = 4.0  # standard deviations that a Gaussian reaches, as SciPy has it


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
    axes = [_plan_axis(*axis) for axis in zip(volume.shape, start, step, shape, strict=True)]
    return _resample(volume, axes, antialias=antialias)


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
    result = np.zeros(shape, dtype=np.uint8)
    labelled = _labelled_voxels(labels)
    if len(labelled) == 0:
        return result
    values = labels[tuple(labelled.T)]
    classes = [int(value) for value in np.unique(values)]
    axes = [
        _plan_axis(n, 0.0, step[axis], shape[axis]).around(labelled[:, axis].min(), labelled[:, axis].max())
        for axis, n in enumerate(labels.shape)
    ]
    old, new = tuple(axis.old for axis in axes), tuple(axis.new for axis in axes)
    has_background = len(labelled) < labels.size
    result[new] = _largest_shares(labels[old], axes, [0, *classes] if has_background else classes)
    for value in classes:
        _restore_lost(labelled[values == value], result, new, value, step)
    return result


def _labelled_voxels(labels: NDArray[np.uint8]) -> NDArray[np.intp]:
    """List the voxels that are not background, shape (n, 3), going through the array as it lies in the memory."""
    mask = labels != 0
    if _x_runs_first(mask):
        return np.stack(np.unravel_index(np.flatnonzero(mask.T), mask.T.shape)[::-1], axis=1)
    return np.stack(np.unravel_index(np.flatnonzero(mask), mask.shape), axis=1)


def _x_runs_first(volume: NDArray[Any]) -> bool:
    """Tell whether neighbours along x lie side by side in the memory, as files have them."""
    return abs(volume.strides[0]) < abs(volume.strides[-1])


@dataclass(frozen=True)
class _Axis:
    """Where the new samples of one axis lie.

    Attributes:
        old: The voxels of the old grid that are looked at.
        new: The samples of the new grid that are made of them.
        position: Place of each of these samples, in voxels after the first of ``old``; None where the samples are
            the voxels themselves.
        step: Distance between the samples, in voxels.
    """

    old: slice
    new: slice
    position: NDArray[np.float64] | None
    step: float

    @property
    def sigma(self) -> float:
        """Standard deviation of the Gaussian that smooths before sampling down, in voxels; 0 for none."""
        return 0.0 if self.position is None else max((self.step - 1.0) / 2.0, 0.0)

    def around(self, first: int, last: int) -> "_Axis":
        """Look only at what the voxels from ``first`` to ``last`` of the old grid have a share in."""
        if self.position is None:
            return replace(self, old=slice(first, last + 1), new=slice(first, last + 1))
        smoothing = int(_TRUNCATE * self.sigma + 0.5)
        reach = smoothing + 1
        inside = (self.position > first - reach) & (self.position < last + reach)
        samples = np.flatnonzero(inside)
        if len(samples) == 0:  # between two samples
            samples = np.array([np.abs(self.position - first).argmin()])
        low = max(int(self.position[samples[0]]) - smoothing, 0)
        high = min(int(self.position[samples[-1]]) + 2 + smoothing, self.old.stop)
        new = slice(int(samples[0]), int(samples[-1]) + 1)
        return replace(self, old=slice(low, high), new=new, position=self.position[new] - low)


def _plan_axis(n: int, start: float, step: float, count: int) -> _Axis:
    is_same = abs(step - 1.0) < _NEARLY_EQUAL and abs(start) < _NEARLY_EQUAL and n == count
    position = None if is_same else np.clip(start + np.arange(count) * step, 0, n - 1)
    return _Axis(slice(0, n), slice(0, count), position, step)


def _resample(volume: NDArray[np.float32], axes: Sequence[_Axis], *, antialias: bool) -> NDArray[np.float32]:
    for number, axis in enumerate(axes):
        if axis.position is None:
            continue
        if antialias and axis.sigma > 0.0:
            volume = ndimage.gaussian_filter1d(
                volume, axis.sigma, axis=number, mode="nearest", truncate=_TRUNCATE
            )
        volume = _interpolate(volume, number, axis.position)
    return volume


def _largest_shares(
    labels: NDArray[np.uint8], axes: Sequence[_Axis], classes: Sequence[int]
) -> NDArray[np.uint8]:
    """Interpolate each class by itself and give every sample to the one with the largest share."""
    shape = [axis.new.stop - axis.new.start for axis in axes]
    result, best = np.zeros(shape, dtype=np.uint8), np.full(shape, -1.0, dtype=np.float32)
    for value in classes:
        share = _resample((labels == value).astype(np.float32), axes, antialias=True)
        better = share > best
        result[better] = value
        np.maximum(best, share, out=best)
    return result


def _interpolate(
    volume: NDArray[np.float32], axis: int, position: NDArray[np.float64]
) -> NDArray[np.float32]:
    if _x_runs_first(volume):
        return _interpolate(volume.T, 2 - axis, position).T
    last = volume.shape[axis] - 1
    lower = np.minimum(np.floor(position).astype(np.intp), max(last - 1, 0))
    upper = np.minimum(lower + 1, last)
    weight = (position - lower).astype(np.float32)
    weight = weight.reshape([-1 if dimension == axis else 1 for dimension in range(3)])
    below = np.take(volume, lower, axis=axis)
    result: NDArray[np.float32] = np.take(volume, upper, axis=axis)
    result -= below  # in place: below + (above - below) * weight
    result *= weight
    result += below
    return result


def _restore_lost(
    where: NDArray[np.intp],
    result: NDArray[np.uint8],
    box: tuple[slice, ...],
    value: int,
    step: Sequence[float],
) -> None:
    """Put the voxels of a class back that have none of it near their new place; all it has lies in the box."""
    places = np.minimum(np.round(where / np.asarray(step)).astype(np.intp), np.array(result.shape) - 1)
    near = np.zeros(result.shape, dtype=bool)
    wider = tuple(slice(max(side.start - 1, 0), side.stop + 1) for side in box)
    near[wider] = ndimage.maximum_filter(result[wider] == value, size=3, mode="constant", cval=False)
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
