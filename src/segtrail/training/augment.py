"""Changing one patch on the CPU, as its plan says.

Intensities are changed with NumPy, whose results do not depend on the number of threads; the one spatial
interpolation is torch's ``grid_sample``, where each voxel is computed by itself.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage

from segtrail.images.resample import resample_linear
from segtrail.training.patch_plan import IntensityChange, Orientation, Shape, SpatialChange

Image = NDArray[np.float32]
Labels = NDArray[np.uint8]
OwnTransform = Callable[[Image, Labels, np.random.Generator], tuple[Image, Labels]]


def sample_patch(
    image: Image,
    labels: Labels,
    start: NDArray[np.int64],
    size: Shape,
    change: SpatialChange,
    outside: NDArray[np.float32],
) -> tuple[Image, Labels]:
    """Interpolate a patch out of the full volume under a spatial change.

    Intensities are interpolated linearly; labels class by class, the largest share winning. Points
    outside the volume become background.

    Args:
        image: The volume, shape (C, x, y, z); may be memory-mapped.
        labels: Its labels, shape (x, y, z).
        start: The patch's first voxel without the change; around the middle of that patch it is changed.
        size: Voxels of the patch.
        change: Rotation, scaling and shift.
        outside: Intensity of each channel outside the volume.

    Returns:
        Image (C, *size) and labels (*size).
    """
    coordinates = _source_coordinates(start + (np.asarray(size) - 1) / 2, size, change)
    box = _bounding_box(coordinates, labels.shape)
    crop_labels = np.asarray(labels[box])
    foreground = _classes_in(crop_labels)
    level = outside[:, np.newaxis, np.newaxis, np.newaxis]
    planes = [*(image[(slice(None), *box)] - level), *(crop_labels == value for value in foreground)]
    sampled = _interpolate(planes, _normalised_grid(coordinates, box))
    n_channels = len(image)
    return sampled[:n_channels] + level, _largest_share(sampled[n_channels:], foreground)


def _interpolate(planes: list[NDArray[Any]], grid: torch.Tensor) -> NDArray[np.float32]:
    """Interpolate planes (x, y, z) linearly at the points of a grid (u, v, w, 3); zeros outside.

    torch divides among its threads by items of a batch alone, and each channel of a voxel is a read of its own:
    so the points are cut into as many items as there are threads, and the channels of a voxel lie side by side.
    """
    # along one voxel grid_sample can't tell inside from outside
    stack = np.zeros((*(max(n, 2) for n in planes[0].shape), len(planes)), dtype=np.float32)
    for index, plane in enumerate(planes):
        x, y, z = plane.shape
        stack[:x, :y, :z, index] = plane
    u, v, w, _ = grid.shape
    items = next(n for n in range(torch.get_num_threads(), 0, -1) if u % n == 0)
    sampled = torch.nn.functional.grid_sample(
        torch.from_numpy(stack).permute(3, 0, 1, 2).expand(items, -1, -1, -1, -1),
        grid.reshape(items, u // items, v, w, 3),
        mode="bilinear",
        padding_mode="zeros",
        align_corners=True,
    )
    joined: NDArray[np.float32] = sampled.transpose(0, 1).reshape(len(planes), u, v, w).numpy()
    return joined


def orient(image: Image, labels: Labels, orientation: Orientation) -> tuple[Image, Labels]:
    """Flip and turn a patch by right angles."""
    image = np.flip(image, tuple(axis + 1 for axis in orientation.flips))
    labels = np.flip(labels, orientation.flips)
    first, second = orientation.plane
    image = np.rot90(image, orientation.turns, axes=(first + 1, second + 1))
    labels = np.rot90(labels, orientation.turns, axes=(first, second))
    return np.ascontiguousarray(image), np.ascontiguousarray(labels)


def change_intensity(image: Image, change: IntensityChange, noise: np.random.Generator) -> Image:
    """Blur, add noise, and change brightness, contrast and gamma of a patch (C, x, y, z).

    Args:
        image: The patch.
        change: What is done.
        noise: Gives the noise.
    """
    if change.blur_sigma is not None:
        blurred = [ndimage.gaussian_filter(channel, change.blur_sigma, truncate=3.0) for channel in image]
        image = np.stack(blurred)
    if change.noise_deviation is not None:
        deviation = np.float32(change.noise_deviation)
        image = image + deviation * noise.standard_normal(image.shape, dtype=np.float32)
    if change.brightness is not None:
        image = image + np.float32(change.brightness)
    if change.contrast is not None:
        mean = image.mean(dtype=np.float64).astype(np.float32)
        image = (image - mean) * np.float32(change.contrast) + mean
    if change.gamma is not None:
        image = _gamma(image, change.gamma)
    return np.asarray(image, dtype=np.float32)


def _gamma(image: Image, exponent: float) -> Image:
    lowest, highest = image.min(), image.max()
    width = max(float(highest - lowest), 1e-7)
    unit = (image - lowest) / np.float32(width)
    return np.asarray(unit ** np.float32(exponent) * np.float32(width) + lowest, dtype=np.float32)


def _source_coordinates(
    centre: NDArray[np.float64], size: Shape, change: SpatialChange
) -> list[NDArray[np.float32]]:
    """Compute, for each axis of the volume, where every voxel of the patch comes from."""
    offsets = [np.arange(n, dtype=np.float32) - np.float32((n - 1) / 2) for n in size]
    dx, dy, dz = offsets[0][:, None, None], offsets[1][None, :, None], offsets[2][None, None, :]
    rows, middle = change.matrix.astype(np.float32), (centre + change.shift).astype(np.float32)
    coordinates = [
        middle[axis] + rows[axis, 0] * dx + rows[axis, 1] * dy + rows[axis, 2] * dz for axis in range(3)
    ]
    if change.control_displacements is None:
        return coordinates
    step = [(change.control_displacements.shape[1] - 1) / max(n - 1, 1) for n in size]
    return [
        along + resample_linear(displacement, step, size)
        for along, displacement in zip(coordinates, change.control_displacements, strict=True)
    ]


def _bounding_box(coordinates: list[NDArray[np.float32]], shape: tuple[int, ...]) -> tuple[slice, ...]:
    box = []
    for along, n in zip(coordinates, shape, strict=True):
        start = int(np.clip(np.floor(along.min()), 0, n - 1))
        stop = int(np.clip(np.ceil(along.max()) + 1, start + 1, n))
        box.append(slice(start, stop))
    return tuple(box)


def _normalised_grid(coordinates: list[NDArray[np.float32]], box: tuple[slice, ...]) -> torch.Tensor:
    """Express coordinates as ``grid_sample`` wants them: -1 to 1 over the box, last axis first."""
    normalised = []
    for along, side in zip(coordinates, box, strict=True):
        half = np.float32(max((side.stop - side.start - 1) / 2, 0.5))
        normalised.append((along - np.float32(side.start)) / half - np.float32(1))
    return torch.from_numpy(np.stack(normalised[::-1], axis=-1))


def _classes_in(labels: Labels) -> list[int]:
    """List the classes that are there, background left out; much quicker than ``np.unique``, which sorts."""
    return [value for value in range(1, int(labels.max()) + 1) if (labels == value).any()]


def _largest_share(shares: NDArray[np.float32], values: list[int]) -> Labels:
    labels = np.zeros(shares.shape[1:], dtype=np.uint8)
    best = 1.0 - shares.sum(axis=0)  # the background's share
    for share, value in zip(shares, values, strict=True):
        better = share > best
        labels[better] = value
        best = np.where(better, share, best)
    return labels
