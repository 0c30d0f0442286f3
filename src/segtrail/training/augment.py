"""Random changes to one patch, each with its probability and range from the configuration.

Intensities are changed with NumPy, whose results do not depend on the number of threads; the one spatial
interpolation is torch's ``grid_sample``, where each voxel is computed by itself.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage

from segtrail.config.augment_schema import AffineConfig, AugmentConfig
from segtrail.images.resample import resample_linear

Image = NDArray[np.float32]
Labels = NDArray[np.uint8]
OwnTransform = Callable[[Image, Labels, np.random.Generator], tuple[Image, Labels]]


@dataclass(frozen=True)
class SpatialChange:
    """Where the voxels of a patch come from: ``centre + matrix @ (voxel - middle of the patch) + displacement``.

    Attributes:
        matrix: 3x3, in voxels.
        shift: Added to the centre, in voxels.
        control_displacements: Displacements of a coarse grid of points over the patch, in voxels, shape
            (3, n, n, n), interpolated linearly between them; None for none.
    """

    matrix: NDArray[np.float64]
    shift: NDArray[np.float64]
    control_displacements: NDArray[np.float32] | None = None


def draw_spatial_change(
    config: AugmentConfig, spacing_mm: Sequence[float], generator: np.random.Generator
) -> SpatialChange | None:
    """Draw an affine change and a smooth deformation, or None where this patch gets neither.

    Rotations are rigid in millimetres, whatever the spacing.
    """
    affine = generator.random() < config.affine.probability
    elastic = generator.random() < config.elastic.probability
    if not affine and not elastic:
        return None
    change = (
        _draw_affine(config.affine, spacing_mm, generator)
        if affine
        else SpatialChange(np.eye(3), np.zeros(3))
    )
    if not elastic:
        return change
    points = config.elastic.control_points
    field = generator.standard_normal((3, points, points, points), dtype=np.float32)
    return replace(change, control_displacements=field * np.float32(config.elastic.displacement_voxels))


def _draw_affine(
    config: AffineConfig, spacing_mm: Sequence[float], generator: np.random.Generator
) -> SpatialChange:
    angles = np.deg2rad(generator.uniform(-config.rotation_degrees, config.rotation_degrees, size=3))
    scale = generator.uniform(*config.scale_range)
    stretch = 1.0 + generator.uniform(-config.anisotropic_scale, config.anisotropic_scale, size=3)
    shift = generator.uniform(-config.shift_voxels, config.shift_voxels, size=3)
    spacing = np.asarray(spacing_mm)
    turn = np.diag(1.0 / spacing) @ _rotation(angles) @ np.diag(spacing)
    return SpatialChange(turn @ np.diag(1.0 / (scale * stretch)), shift)


def sample_patch(
    image: Image,
    labels: Labels,
    centre: NDArray[np.float64],
    size: tuple[int, int, int],
    change: SpatialChange,
    outside: NDArray[np.float32],
) -> tuple[Image, Labels]:
    """Interpolate a patch out of the full volume under a spatial change.

    Intensities are interpolated linearly; labels class by class, the largest share winning. Points
    outside the volume become background.

    Args:
        image: The volume, shape (C, x, y, z); may be memory-mapped.
        labels: Its labels, shape (x, y, z).
        centre: The volume's point, in voxels, that comes to the middle of the patch.
        size: Voxels of the patch.
        change: Rotation, scaling and shift.
        outside: Intensity of each channel outside the volume.

    Returns:
        Image (C, *size) and labels (*size).
    """
    coordinates = _source_coordinates(centre, size, change)
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


def change_orientation(
    image: Image, labels: Labels, config: AugmentConfig, generator: np.random.Generator
) -> tuple[Image, Labels]:
    """Flip and turn a patch by right angles."""
    for axis in config.flip.axes:
        if generator.random() < config.flip.probability:
            image, labels = np.flip(image, axis + 1), np.flip(labels, axis)
    if generator.random() < config.right_angle.probability:
        planes = [(a, b) for a, b in ((0, 1), (0, 2), (1, 2)) if labels.shape[a] == labels.shape[b]]
        if planes:
            plane = planes[int(generator.integers(len(planes)))]
            turns = int(generator.integers(1, 4))
            image = np.rot90(image, turns, axes=(plane[0] + 1, plane[1] + 1))
            labels = np.rot90(labels, turns, axes=plane)
    return np.ascontiguousarray(image), np.ascontiguousarray(labels)


def change_intensity(image: Image, config: AugmentConfig, generator: np.random.Generator) -> Image:
    """Blur, add noise, and change brightness, contrast and gamma of a patch (C, x, y, z)."""

    def applies(probability: float) -> bool:
        return bool(generator.random() < probability)

    if applies(config.blur.probability):
        sigma = generator.uniform(*config.blur.sigma_voxels_range)
        image = np.stack([ndimage.gaussian_filter(channel, sigma, truncate=3.0) for channel in image])
    if applies(config.noise.probability):
        deviation = np.float32(generator.uniform(*config.noise.standard_deviation_range))
        image = image + deviation * generator.standard_normal(image.shape, dtype=np.float32)
    if applies(config.brightness.probability):
        image = image + np.float32(generator.uniform(*config.brightness.shift_range))
    if applies(config.contrast.probability):
        mean = image.mean(dtype=np.float64).astype(np.float32)
        image = (image - mean) * np.float32(generator.uniform(*config.contrast.factor_range)) + mean
    if applies(config.gamma.probability):
        image = _gamma(image, generator.uniform(*config.gamma.gamma_range))
    return np.asarray(image, dtype=np.float32)


def _gamma(image: Image, exponent: float) -> Image:
    lowest, highest = image.min(), image.max()
    width = max(float(highest - lowest), 1e-7)
    unit = (image - lowest) / np.float32(width)
    return np.asarray(unit ** np.float32(exponent) * np.float32(width) + lowest, dtype=np.float32)


def _rotation(angles: NDArray[np.float64]) -> NDArray[np.float64]:
    """Compose rotations about x, y and z, in radians."""
    matrix = np.eye(3)
    for axis, angle in enumerate(angles):
        first, second = [other for other in range(3) if other != axis]
        turn = np.eye(3)
        turn[first, first] = turn[second, second] = np.cos(angle)
        turn[first, second], turn[second, first] = -np.sin(angle), np.sin(angle)
        matrix = turn @ matrix
    return matrix


def _source_coordinates(
    centre: NDArray[np.float64], size: tuple[int, int, int], change: SpatialChange
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
