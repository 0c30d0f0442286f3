"""Changing one patch on the device where the volumes lie, as its plan says.

The same as ``augment`` does on the CPU, up to rounding and the numbers of the noise. Nothing here waits for the
device: every decision is made from the plan, on the host.
"""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor

from segtrail.training.patch_plan import IntensityChange, Orientation, Shape, SpatialChange


def crop(volume: Tensor, start: Sequence[int], size: Shape, outside: Tensor) -> Tensor:
    """Copy a box out of a volume.

    Args:
        volume: Shape (C, x, y, z).
        start: The first voxel of the box, which may lie outside.
        size: Voxels of the box.
        outside: What lies outside gets the value of its channel, shape (C,).

    Returns:
        The box, shape (C, *size).
    """
    box = outside.view(-1, 1, 1, 1).expand(-1, *size).clone()
    source: list[slice] = [slice(None)]
    target: list[slice] = [slice(None)]
    for first, n, limit in zip(start, size, volume.shape[1:], strict=True):
        inside = slice(max(first, 0), min(first + n, limit))
        source.append(inside)
        target.append(slice(inside.start - first, inside.stop - first))
    box[tuple(target)] = volume[tuple(source)]
    return box


def sample_patch(
    image: Tensor,
    labels: Tensor,
    start: NDArray[np.int64],
    size: Shape,
    change: SpatialChange,
    outside: Tensor,
    n_classes: int,
) -> tuple[Tensor, Tensor]:
    """Interpolate a patch out of the full volume under a spatial change, image and labels in one sampling.

    Args:
        image: The volume, shape (C, x, y, z), float32.
        labels: Its labels, shape (x, y, z), uint8.
        start: The patch's first voxel without the change; around the middle of that patch it is changed.
        size: Voxels of the patch.
        change: Rotation, scaling, shift and deformation.
        outside: Intensity of each channel outside the volume, shape (C,).
        n_classes: Classes, background included.

    Returns:
        Image (C, *size) and labels (*size).
    """
    centre = start + (np.asarray(size) - 1) / 2 + change.shift
    box = _bounding_box(centre, size, change, labels.shape)
    level = outside.view(-1, 1, 1, 1)
    classes = torch.arange(1, n_classes, device=labels.device, dtype=torch.uint8).view(-1, 1, 1, 1)
    planes = torch.cat([image[(slice(None), *box)] - level, (labels[box] == classes).float()])
    # along one voxel grid_sample can't tell inside from outside
    widen = [part for n in reversed(planes.shape[1:]) for part in (0, max(2 - n, 0))]
    planes = torch.nn.functional.pad(planes, widen)
    sampled = torch.nn.functional.grid_sample(
        planes[None],
        _grid(centre, size, change, box, image.device)[None],
        mode="bilinear",
        padding_mode="zeros",
        align_corners=True,
    )[0]
    n_channels = len(image)
    return sampled[:n_channels] + level, _largest_share(sampled[n_channels:])


def orient(image: Tensor, labels: Tensor, orientation: Orientation) -> tuple[Tensor, Tensor]:
    """Flip and turn a patch by right angles."""
    image = image.flip([axis + 1 for axis in orientation.flips])
    labels = labels.flip(orientation.flips)
    first, second = orientation.plane
    image = torch.rot90(image, orientation.turns, (first + 1, second + 1))
    return image, torch.rot90(labels, orientation.turns, (first, second))


def change_intensity(image: Tensor, change: IntensityChange, noise: torch.Generator) -> Tensor:
    """Blur, add noise, and change brightness, contrast and gamma of a patch (C, x, y, z).

    Args:
        image: The patch.
        change: What is done.
        noise: Gives the noise; of the patch's device.
    """
    if change.blur_sigma is not None:
        image = _blur(image, change.blur_sigma)
    if change.noise_deviation is not None:
        drawn = torch.randn(image.shape, generator=noise, device=image.device)
        image = image + change.noise_deviation * drawn
    if change.brightness is not None:
        image = image + change.brightness
    if change.contrast is not None:
        mean = image.mean(dtype=torch.float64).float()
        image = (image - mean) * change.contrast + mean
    if change.gamma is not None:
        lowest, highest = image.min(), image.max()
        width = (highest - lowest).clamp(min=1e-7)
        image = ((image - lowest) / width) ** change.gamma * width + lowest
    return image


def _blur(image: Tensor, sigma: float) -> Tensor:
    """Convolve with a Gaussian that ends at three standard deviations; beyond the border the patch is mirrored.

    A sum of moved copies: convolutions may compute in TF32.
    """
    for axis in (1, 2, 3):
        n = image.shape[axis]
        impulse = np.zeros(2 * int(3.0 * sigma + 0.5) + 1)
        impulse[len(impulse) // 2] = 1.0
        weights = ndimage.gaussian_filter1d(impulse, sigma, truncate=3.0, mode="constant")
        places = np.pad(np.arange(n), len(weights) // 2, mode="symmetric")
        padded = image.index_select(axis, torch.from_numpy(places).to(image.device))
        copies = (weight * padded.narrow(axis, first, n) for first, weight in enumerate(weights.tolist()))
        image = sum(copies, torch.zeros((), device=image.device))
    return image


def _bounding_box(
    centre: NDArray[np.float64], size: Shape, change: SpatialChange, shape: Sequence[int]
) -> tuple[slice, slice, slice]:
    """Return the part of the volume that a patch comes from: an affine map has its extremes at the corners."""
    half = np.abs(change.matrix) @ ((np.asarray(size) - 1) / 2)
    if change.control_displacements is not None:
        half = half + np.abs(change.control_displacements).max(axis=(1, 2, 3))
    limits = np.asarray(shape)
    # a voxel more on either side, for what rounding moves over a border
    starts = np.clip(np.floor(centre - half) - 1, 0, limits - 1).astype(int)
    stops = np.clip(np.ceil(centre + half) + 2, starts + 1, limits).astype(int)
    x, y, z = (slice(int(start), int(stop)) for start, stop in zip(starts, stops, strict=True))
    return x, y, z


def _grid(
    centre: NDArray[np.float64],
    size: Shape,
    change: SpatialChange,
    box: Sequence[slice],
    device: torch.device,
) -> Tensor:
    """Compute where every voxel of the patch comes from, as ``grid_sample`` wants it, shape (*size, 3)."""
    dx, dy, dz = torch.meshgrid(
        *(torch.arange(n, device=device, dtype=torch.float32) - (n - 1) / 2 for n in size), indexing="ij"
    )
    displacements = _displacements(change, size, device)
    normalised = []
    for axis, side in enumerate(box):
        a, b, c = change.matrix[axis].tolist()
        along = float(centre[axis]) + a * dx + b * dy + c * dz
        if displacements is not None:
            along = along + displacements[axis]
        half = max((side.stop - side.start - 1) / 2, 0.5)
        normalised.append((along - side.start) / half - 1.0)
    return torch.stack(normalised[::-1], dim=-1)


def _displacements(change: SpatialChange, size: Shape, device: torch.device) -> Tensor | None:
    """Interpolate the displacements of the control points over the patch, shape (3, *size)."""
    if change.control_displacements is None:
        return None
    points = torch.from_numpy(change.control_displacements).to(device, non_blocking=True)
    return torch.nn.functional.interpolate(points[None], size, mode="trilinear", align_corners=True)[0]


def _largest_share(shares: Tensor) -> Tensor:
    """Return the class with the largest share, the first of several; shape (classes but background, x, y, z)."""
    best = 1.0 - shares.sum(dim=0)  # the background's share
    labels = torch.zeros_like(best, dtype=torch.uint8)
    for index, share in enumerate(shares):
        better = share > best
        labels = torch.where(better, torch.full_like(labels, index + 1), labels)
        best = torch.where(better, share, best)
    return labels
